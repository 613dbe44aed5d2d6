# %% [markdown]
# # Export: history as an artifact
#
# History becomes a folder that people can look at before anything is stored: the rows as CSV, and a
# manifest that says how they were made. Two runs here, before and after a change of the evening, and what
# lies between them.

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
C = "E2E2024STATC1"

# %% [markdown]
# The platform is only read: for the tanks' capacity and calibration.

# %%
scenario = sl.load_scenario("stationary_only_v1").with_changes(days=14)
sl.provision(scenario)
artifact = sl.export_csv(scenario, run_id="as_it_was", end_at=END_AT)
artifact

# %%
pd.DataFrame(artifact.manifest["devices"]).T

# %% [markdown]
# ## What is in it
#
# Levels first. The measured level is what the platform will derive from the raw distances.

# %%
frame = artifact.read_frame()
plotting.level_figure(frame, reservoirs=sl.reservoirs())

# %%
plotting.level_table(frame, reservoirs=sl.reservoirs()).round(3).T

# %% [markdown]
# ## Another evening
#
# The design view changes the scenario; the changed one is exported beside the first, and `compare` says
# what is different, from the scenario to the last row. The other tank's rows are the same, byte for byte.

# %%
view = sl.design(scenario, C, end_at=END_AT, days=7)
weights = list(scenario.device(C).dynamics.demand.hourly_weights)
weights[18:21] = [2.8, 3.0, 2.6]
view.set(hourly_weights=weights)
changed = sl.export_csv(view.scenario, run_id="steep_evening", end_at=END_AT)
difference = sl.compare(artifact.directory, changed.directory)
difference.figure()

# %%
difference.agreement

# %% [markdown]
# ## The same bytes
#
# An export is repeatable, and `verify` simulates it once more from its manifest to show it.

# %%
again = sl.export_csv(scenario, run_id="as_it_was", end_at=END_AT)
print("Same bytes:", again.manifest["csv_sha256"] == artifact.manifest["csv_sha256"])
sl.verify(artifact.directory, regenerate=True)
