# %% [markdown]
# # Import: into the platform, once
#
# Rows go through the platform's own ingestion, message by message. Without `apply` nothing is written.

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
scenario = sl.load_scenario("stationary_only_v1").with_changes(days=3)
sl.provision(scenario)
artifact = sl.export_csv(scenario, run_id="three_days", end_at=END_AT)
analysis = sl.analyze_csv(artifact.directory, plots=False)
sl.approve(artifact.directory, reviewer="analyst")
artifact, analysis

# %%
frame = artifact.read_frame()
plotting.level_figure(frame, reservoirs=sl.reservoirs())

# %% [markdown]
# First a dry run, then for real, then once more: the second import stores nothing twice.

# %%
runs = {
    "dry run": sl.import_csv(artifact.directory),
    "apply": sl.import_csv(artifact.directory, apply=True, drain_analytics=True),
    "apply again": sl.import_csv(artifact.directory, apply=True, drain_analytics=True),
}
counts = pd.DataFrame({name: run.status_counts for name, run in runs.items()}).fillna(0).astype(int)
counts

# %% [markdown]
# Each stored reading left an event for the analytics consumer; the second import left none.

# %%
pd.Series(
    {name: run.analytics.events_processed for name, run in runs.items() if run.analytics},
    name="events analyzed",
)
