# %% [markdown]
# # Archetypes: do they keep their promises?
#
# An archetype promises how the platform's metrics lean. One run proves little; several seeds, each
# another set of households and trips with the same statistics, show what is the rule and what is chance.

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

# %% [markdown]
# Two tanks. A has regular supply and a large tank, C lives on fragments.

# %%
tanks = sl.tendencies(sl.load_scenario("stationary_only_v1"), seeds=8, end_at=END_AT)
plotting.tendency_figure(tanks)

# %%
tanks[["promise", "mean", "low", "high", "share", "is_apart", "passed"]].round(3)

# %% [markdown]
# Measured and true: sensors and hourly means hide what comes and goes within an hour, so a device's
# autonomy looks longer than it is.

# %%
tanks[["mean", "mean_truth", "share", "share_truth"]].round(3)

# %% [markdown]
# Two trucks. One empties itself at few clients close by, the other makes many small stops and spills.

# %%
trucks = sl.tendencies(sl.load_scenario("mobile_only_v1"), seeds=8, end_at=END_AT)
plotting.tendency_figure(trucks)

# %%
trucks[["promise", "mean", "low", "high", "share", "passed"]].round(1)

# %% [markdown]
# ## Both together: a city
#
# Zones put pipes and trucks side by side. `resilience_ratio` is the share of a zone's water that came by
# pipe; the places are found where trucks stop.

# %%
city = sl.load_scenario("demo_city_v1").with_changes(days=14)
sl.provision(city)
reservoirs = sl.reservoirs()
frame = sl.backfill(city, end_at=END_AT).frame
plotting.city_figure(frame, reservoirs=reservoirs)

# %%
zones = sl.metrics(frame, reservoirs=reservoirs, by="zone", window="7d")
zones[["tanks_count", "trucks_count", "pipeflow_liters", "truckflow_liters", "resilience_ratio"]].round(3)

# %%
plotting.place_table(frame, reservoirs=reservoirs).head(6).round(
    {"latitude": 3, "longitude": 3, "radius_meters": 0, "stay_hours": 0, "delivered_liters": 0}
)
