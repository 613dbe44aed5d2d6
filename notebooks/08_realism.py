# %% [markdown]
# # Realism: fit measurements, and let a judge look for the difference
#
# Real meters go in, a scenario's demand comes out, and a report says how far synthetic
# households are from measured ones.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import synthlab as sl
from synthlab import plotting

# Everything this notebook writes goes into a folder of its own.
FOLDER = os.environ.get("SYNTHLAB_MEASUREMENTS")
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
print("Scratch folder:", os.getcwd())

# %% [markdown]
# Households of different size, all with the same mean profile. Each gets its own.

# %%
WEEKDAY = [0.84, 0.45, 0.23, 0.16, 0.13, 0.12, 0.24, 1.26, 1.81, 1.30, 1.18, 1.30]
WEEKDAY += [1.17, 1.09, 1.06, 1.16, 1.05, 0.99, 1.06, 1.28, 1.63, 1.80, 1.50, 1.19]
WEEKEND = [0.72, 0.47, 0.30, 0.19, 0.15, 0.12, 0.14, 0.25, 0.58, 1.19, 1.71, 2.00]
WEEKEND += [2.12, 1.83, 1.37, 1.29, 1.03, 1.02, 1.08, 1.25, 1.43, 1.53, 1.26, 0.98]


def city(seed: int, count: int = 40, days: int = 84) -> sl.Scenario:
    volumes = 243 * np.exp(0.65 * np.random.default_rng(seed).standard_normal(count))
    demand = {"hourly_weights": WEEKDAY, "weekend_hourly_weights": WEEKEND}
    devices = [
        {
            "device_id": f"HOME{number:02d}",
            "archetype": "stationary_archetype_a",
            "mode": "STATIONARY",
            "cadence_seconds": 3600,
            "dynamics": {"demand": {"target_daily_liters": round(volume, 1), **demand}},
        }
        for number, volume in enumerate(volumes)
    ]
    return sl.Scenario.from_dict(
        {
            "scenario_id": "households",
            "seed": seed,
            "bootstrap": {"days": days, "step_minutes": 60},
            "devices": devices,
        }
    )


synthetic = sl.backfill(city(1), end_at="2026-05-31T23:00:00Z").frame

# %% [markdown]
# Another city of the same kind, made with another seed and read by a meter of one liter: what two
# samples of one model differ by is what any comparison may differ by.

# %%
rows = sl.backfill(city(2), end_at="2026-05-31T23:00:00Z").frame
other = pd.DataFrame(
    {
        "household": rows["device_id"].astype(str),
        "hour_local": rows["received_at"],
        "liters": rows["requested_liters"],
    }
)

# %% [markdown]
# `SYNTHLAB_MEASUREMENTS` names a folder with `household_hourly_demand.csv.gz` (columns
# `household`, `hour_local`, `liters`). Without it the other city takes its place.

# %%
path = Path(FOLDER or ".") / "household_hourly_demand.csv.gz"
is_measured = path.is_file()
real = pd.read_csv(path, parse_dates=["hour_local"]) if is_measured else other
print("Measured households." if is_measured else "No measurements here: two synthetic cities are compared.")

# %% [markdown]
# ## Fit one household
#
# Bars are what was seen, dots what was fitted, lines the interval. Where the data cannot
# tell, a warning says so.

# %%
home = real["household"].unique()[3]
fit = sl.fit_demand(real[real["household"] == home])
plotting.fit_figure(fit)

# %%
fit.to_frame().groupby("parameter").first().round(2)

# %%
print(*fit.warnings, sep="\n")
print(fit.to_yaml())

# %% [markdown]
# ## Compare a city
#
# Statistics with their targets. `other_seed` is the other city, so the table stands on its own; `real`
# are the measured households where they are, and `real_against_real` is one half of them against the
# other. One verdict of the judge here, so that the notebook stays quick; the default is the mean of five.

# %%
chance = sl.realism(synthetic, other, seeds=1)
report = sl.realism(synthetic, real, seeds=1) if is_measured else chance
plotting.realism_figure(report)

# %%
table = report.to_frame()
if is_measured:
    # Of two cities: a distance, or r, where the statistic is one; else that of the other city.
    found = chance.to_frame()
    table.insert(2, "other_seed", found["real"].fillna(found["synthetic"]))
else:
    table = table.rename(columns={"real": "other_seed", "real_against_real": "half_against_half"})
table[table["statistic"] != "auc"].round(2)

# %%
print("The judge cannot tell them apart." if report.auc < 0.62 else "The judge can tell them apart.")
print("The judge finds no seed in a city." if chance.auc < 0.62 else "The judge knows one seed from another.")

# %% [markdown]
# The formula itself, with the same mean, is no household: the judge is always right.

# %%
formula = synthetic.assign(requested_liters=synthetic["expected_demand_liters"])
toy = sl.realism(formula, real, seeds=1)
print("AUC of the formula:", round(toy.auc, 2))
print("Targets missed:", sum(not row["passed"] for row in toy.rows), "of", len(toy.rows))
