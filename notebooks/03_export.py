# %% [markdown]
# # Export: thirty days as an artifact
#
# History becomes a folder that people can look at before anything is stored: the rows as CSV, and a
# manifest that says how they were made.

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

# %%
scenario = sl.load_scenario("stationary_only_v1")
sl.provision(scenario)
artifact = sl.export_csv(scenario, run_id="january", end_at=END_AT)
artifact

# %%
pd.DataFrame(artifact.manifest["devices"]).T

# %% [markdown]
# What is in it: levels first. The measured level is what the platform will derive from the raw distances.

# %%
frame = artifact.read_frame()
reservoirs = sl.reservoirs()
plotting.level_figure(frame, reservoirs=reservoirs)

# %%
plotting.level_table(frame, reservoirs=reservoirs).round(3).T

# %% [markdown]
# Demand by hour: what the scenario expects, what people asked for, and what the tank could give.

# %%
plotting.demand_figure(frame)

# %%
demand = plotting.demand_table(frame).groupby(["device_id", "day_type"]).sum()
demand.rename(columns=lambda name: name.replace("_per_hour", "_per_day")).round(0)

# %% [markdown]
# The same export again is the same artifact, byte for byte.

# %%
again = sl.export_csv(scenario, run_id="january", end_at=END_AT)
print("Same bytes:", again.manifest["csv_sha256"] == artifact.manifest["csv_sha256"])
