# %% [markdown]
# # Design: shape a demand curve and see the tank react
#
# Two tanks: A with regular supply and a large tank, C with supply in fragments and a small one.
# Here we give C a sharper evening peak and look at how often it runs dry.

# %%
import os
import tempfile

import pandas as pd

import synthlab as sl
from synthlab import widgets

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
os.environ["SYNTHLAB_DATABASE_URL"] = "sqlite:///platform.db"
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"

# %%
scenario = sl.load_scenario("stationary_only_v1")
scenario

# %% [markdown]
# Move the sliders: plot and key numbers follow. Only the ratios of the 24 weights count;
# the liters a day set the amount.

# %%
controls = widgets.design(scenario, "E2E2024STATC1", end_at=END_AT)
controls

# %% [markdown]
# The same by code: a steep evening, and 100 liters a day more. Skip this cell to keep what you set by hand.

# %%
for hour, weight in {18: 2.8, 19: 3.0, 20: 2.6}.items():
    controls.weights[hour].value = weight
controls.target.value = 700
controls.figure

# %%
controls.kpis.round(3)

# %% [markdown]
# Save it. In a file that is there already only the changed values are replaced; comments stay.

# %%
sl.save_scenario(controls.scenario, "my_design.yaml")
saved = sl.load_scenario("my_design.yaml")
print("Read back the same:", saved == controls.scenario)

curves = {
    name: version.device("E2E2024STATC1").dynamics.demand.hourly_weights
    for name, version in {"before": scenario, "saved": saved}.items()
}
weights = pd.DataFrame(curves).rename_axis("hour")
weights[weights["before"] != weights["saved"]]
