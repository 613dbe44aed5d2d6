# %% [markdown]
# # Design: shape a demand curve and see the tank react
#
# Two tanks: A with regular supply and a large tank, C with supply in fragments and a small one.
# Here C gets a sharper evening peak, and we look at how often it runs dry.

# %%
import os
import tempfile

import pandas as pd

import synthlab as sl

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
print("Scratch folder:", os.getcwd())

scenario = sl.load_scenario("stationary_only_v1")
scenario

# %% [markdown]
# Drag a bar, or paint across several: level, key numbers and the change of the file follow. Arrow keys,
# undo, copy and paste work too. Locked, the liters a day stay and only the shape changes.

# %%
view = sl.design(scenario, "E2E2024STATC1", end_at="2026-02-12T10:00:00Z", days=7)
view

# %% [markdown]
# The same by code: a steep evening, and 100 liters a day more. Skip this cell to keep what you set by hand.

# %%
weights = list(scenario.device("E2E2024STATC1").dynamics.demand.hourly_weights)
weights[18:21] = [2.8, 3.0, 2.6]
view.set(hourly_weights=weights, target_daily_liters=700)
view.figure

# %%
view.kpis.round(3)

# %% [markdown]
# Save it. In a file that is there already only the changed values are replaced; comments stay.

# %%
print(view.diff)
view.save("my_design.yaml")
saved = sl.load_scenario("my_design.yaml")
print("Read back the same:", saved == view.scenario)

# %%
curves = {
    name: version.device("E2E2024STATC1").dynamics.demand.hourly_weights
    for name, version in {"before": scenario, "saved": saved}.items()
}
table = pd.DataFrame(curves).rename_axis("hour")
table[table["before"] != table["saved"]]
