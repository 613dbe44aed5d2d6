# %% [markdown]
# # Preview: the first emissions, in memory
#
# Does the scenario fit the platform, and do its devices behave? Nothing is written here but the
# devices of the embedded platform.

# %%
import os
import tempfile

import synthlab as sl
from synthlab import plotting

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
os.environ["SYNTHLAB_DATABASE_URL"] = "sqlite:///platform.db"
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"

# %%
trucks = sl.load_scenario("mobile_only_v1")
before = sl.validate(trucks)
sl.provision(trucks)
after = sl.validate(trucks, strict=True)
print("without devices on the platform:", len(before.warnings + before.errors), "findings")
print("with them:", "passed" if after.passed else "not passed")

# %% [markdown]
# Two days of both trucks, from midnight on: 577 emissions each.

# %%
days = sl.preview(trucks, steps=577, start_at="2026-02-10T00:00:00Z")
shown = ["received_at", "device_id", "seq", "raw_mm_0", "measured_level_pct", "speed_kmh", "activity"]
days.frame[days.frame["received_at"].dt.hour == 9][shown].head(6)

# %% [markdown]
# Where they drove, and what they delivered.

# %%
plotting.routes_figure(days.frame)

# %%
plotting.route_table(days.frame).round(1).T

# %% [markdown]
# One truck's day: it fills up, serves its clients, and comes home in the evening.

# %%
plotting.truck_day_figure(days.frame, "E2E2024MOBE1", day="2026-02-11")

# %%
plotting.truck_day_table(days.frame, "E2E2024MOBE1", day="2026-02-11").head(8).round(
    {"loaded_liters": 1, "delivered_liters": 1, "level_pct": 1}
)
