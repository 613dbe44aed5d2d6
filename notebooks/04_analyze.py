# %% [markdown]
# # Analyze: check the rows, then sign
#
# Checks say whether the rows are sound, metrics what they mean, and a person approves.

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
analysis = sl.analyze_csv(artifact.directory)
analysis

# %%
checks = pd.DataFrame(analysis.to_dict()["checks"]).T
checks[["GOOD", "SUSPECT", "FAIL"]]

# %% [markdown]
# A check that never fails proves nothing. Take some rows away, and it speaks up.

# %%
frame = artifact.read_frame()
gap = frame.drop(frame.index[2_000:2_040])
sl.check(gap).to_frame()[["check", "flag", "device_id", "row_count"]]

# %% [markdown]
# When does water come? C lives on the night.

# %%
plotting.supply_figure(frame)

# %%
plotting.session_table(frame).round(2).T

# %% [markdown]
# The platform's metrics, from the frame alone: A keeps water for days, C runs out.

# %%
metrics = sl.metrics(frame, reservoirs=sl.reservoirs())
metrics[["runout_prob", "autonomy_days_est", "supply_fragmentation_index", "demand_liters"]].T.round(3)

# %%
approval = sl.approve(artifact.directory, reviewer="analyst", note="Levels and supply look right")
print(
    approval.reviewer,
    "approved",
    approval.run_id,
    "with checks",
    "passed" if approval.qc_passed else "failed",
)
