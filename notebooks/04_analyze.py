# %% [markdown]
# # Analyze: look through the findings, then sign
#
# Checks say whether the rows are sound, metrics what they mean, and a person decides. The decision is
# bound to the bytes: change one, and it counts no longer.

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
scenario = sl.load_scenario("stationary_only_v1").with_changes(days=14)
sl.provision(scenario)
artifact = sl.export_csv(scenario, run_id="february", end_at=END_AT)
analysis = sl.analyze_csv(artifact.directory, plots=False)
analysis

# %% [markdown]
# ## The review
#
# Devices from the worst on, their levels against the raw readings, the findings on them, and where this
# run stands against others; below, a name, a note and two buttons. The same page is `report.html` in the
# artifact, for people without a notebook.

# %%
view = sl.review(artifact.directory)
view

# %% [markdown]
# By code: the device that is looked at, and what was found on it.

# %%
view.select("E2E2024STATC1")
view.findings

# %% [markdown]
# When does water come? C lives on the night.

# %%
frame = artifact.read_frame()
plotting.supply_figure(frame)

# %%
plotting.session_table(frame).round(2).T

# %% [markdown]
# The platform's metrics, from the frame alone: A keeps water for days, C runs out.

# %%
metrics = sl.metrics(frame, reservoirs=sl.reservoirs())
metrics[["runout_prob", "autonomy_days_est", "supply_fragmentation_index", "demand_liters"]].T.round(3)

# %% [markdown]
# ## Do the checks see anything?
#
# A check that never fails proves nothing. Forty rows lost on the way, and it speaks up.

# %%
gap = frame.drop(frame.index[2_000:2_040])
sl.check(gap)

# %% [markdown]
# ## Sign
#
# The buttons of the view do this; a note is for the next reader.

# %%
approval = view.approve(reviewer="analyst", note="Levels and supply look right")
pd.Series({name: getattr(approval, name) for name in ("run_id", "decision", "reviewer", "note", "qc_passed")})
