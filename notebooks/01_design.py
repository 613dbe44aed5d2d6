# %% [markdown]
# # Design: shape a demand curve and see the tank react
#
# Two tanks: A with regular supply and a large tank, C with supply in fragments and a small one. What
# happens to C when everybody comes home at seven, and what would help?

# %%
import os
import tempfile

import pandas as pd

import synthlab as sl

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"
C = "E2E2024STATC1"
scenario = sl.load_scenario("stationary_only_v1")

# %% [markdown]
# Drag a bar, or paint across several: level, key numbers and the change of the file follow. Arrow keys,
# undo, copy and paste work too. Locked, the liters a day stay and only the shape changes. The cards above
# choose the device, and which ones stand beside it.

# %%
view = sl.design(scenario, C, end_at=END_AT, days=7)
view

# %% [markdown]
# ## A steep evening
#
# The same by code, so that this notebook tells its story without a hand: an evening peak, and more liters
# a day. Skip this cell to keep what you set yourself.

# %%
weights = list(scenario.device(C).dynamics.demand.hourly_weights)
weights[18:21] = [2.8, 3.0, 2.6]
view.set(hourly_weights=weights, target_daily_liters=700)
peak = view.kpis["now"]
view.figure

# %%
view.kpis.round(3)

# %% [markdown]
# ## What would help?
#
# Water that comes before the evening, or a larger tank. Both are a line; by hand they are the tabs
# "Supply" and "Tank".

# %%
supply = scenario.device(C).dynamics.supply
hours = list(supply.hourly_probability_multipliers)
hours[15:18] = [6.0, 6.0, 6.0]
tries = {"as it was": view.kpis["before"], "evening peak": peak}
view.set_curve("hourly_probability_multipliers", hours)
tries["peak, supply at 15:00"] = view.kpis["now"]
view.set(hourly_probability_multipliers=list(supply.hourly_probability_multipliers), capacity_liters=2_400)
tries["peak, a larger tank"] = view.kpis["now"]
pd.DataFrame(tries).round(3)

# %% [markdown]
# ## Save
#
# In a file that is there already only the changed values are replaced; comments stay.

# %%
print(view.diff)
view.save("my_design.yaml")
saved = sl.load_scenario("my_design.yaml")
print("Read back the same:", saved == view.scenario)
