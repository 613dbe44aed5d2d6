# %% [markdown]
# # Preview: does it fit, and what will it do?
#
# Before anything is made: are the scenario's devices on the platform, and do they behave as their
# archetypes promise? Two water trucks this time. Nothing is written but the devices themselves, on an
# embedded platform.

# %%
import os
import tempfile

import pandas as pd

import synthlab as sl
from synthlab import plotting

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
os.environ["SYNTHLAB_DATABASE_URL"] = "sqlite:///platform.db"
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"
TRUCK = "E2E2024MOBE1"
trucks = sl.load_scenario("mobile_only_v1")

# %% [markdown]
# ## Does it fit?
#
# `validate` compares scenario and platform and says what is missing; `provision` creates it on a
# reference platform. On yours it is there already.

# %%
sl.validate(trucks)

# %%
sl.provision(trucks)
sl.validate(trucks, strict=True)

# %% [markdown]
# ## What will they do?
#
# The first two days of both. Each archetype promises how the platform's metrics lean; the preview shows
# what they are.

# %%
preview = sl.preview(trucks, steps=577, start_at="2026-02-10T00:00:00Z")
pd.DataFrame(preview.tendency_table(), columns=["device", "metric", "promised", "in the preview"])

# %% [markdown]
# ## Follow a truck
#
# The design view draws the route, the stops and the level of the tank; numbers in the form change them.

# %%
view = sl.design(trucks, TRUCK, end_at=END_AT, days=2)
view

# %%
view.stops.round({"hours": 2, "delivered_liters": 0})

# %% [markdown]
# One day of it: it fills up, serves its clients, and comes home in the evening.

# %%
plotting.truck_day_figure(preview.frame, TRUCK, day="2026-02-11")

# %%
plotting.truck_day_table(preview.frame, TRUCK, day="2026-02-11").head(8).round(
    {"loaded_liters": 1, "delivered_liters": 1, "level_pct": 1}
)
