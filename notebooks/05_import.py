# %% [markdown]
# # Import: into the platform, once
#
# Rows go through the platform's own ingestion, message by message, as if the devices had sent them.
# Without `apply` nothing is written, and whatever is applied twice is stored once.

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
plotting.level_figure(artifact.read_frame(), reservoirs=sl.reservoirs())

# %% [markdown]
# ## Nobody has signed yet
#
# An import that asks for an approval does not go on without one, and says what to do.

# %%
sl.analyze_csv(artifact.directory, plots=False)
try:
    sl.import_csv(artifact.directory, apply=True, require_approval=True)
except sl.SynthlabError as error:
    print(error)

# %%
view = sl.review(artifact.directory)
view.approve(reviewer="analyst", note="Three days to begin with")
view.summary()

# %% [markdown]
# ## Look, apply, apply again
#
# First a dry run, then for real, then once more.

# %%
runs = {
    "dry run": sl.import_csv(artifact.directory, require_approval=True),
    "apply": sl.import_csv(artifact.directory, require_approval=True, apply=True, drain_analytics=True),
    "apply again": sl.import_csv(artifact.directory, require_approval=True, apply=True, drain_analytics=True),
}
pd.DataFrame({name: run.status_counts for name, run in runs.items()}).fillna(0).astype(int)

# %% [markdown]
# Each stored reading left an event for the analytics consumer; the second import left none.

# %%
pd.Series(
    {name: run.analytics.events_processed for name, run in runs.items() if run.analytics},
    name="events analyzed",
)

# %% [markdown]
# ## And back
#
# A run can be taken away again, exactly. Counted here; `apply=True` deletes.

# %%
sl.purge("three_days")
