# %% [markdown]
# # Live: the stream goes on where the history ended
#
# A day of history, then the same tanks live over MQTT: the next number, the next minute, the same water
# level. A listener feeds what arrives to the platform's ingestion.

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

os.environ.pop("SYNTHLAB_BROKER_URL", None)  # a broker of our own, whatever is configured

# %%
scenario = sl.load_scenario("stationary_only_v1").with_changes(days=1, speedup_factor=3_600)
sl.provision(scenario)
history = sl.bootstrap(scenario, end_at=END_AT)
history.status_counts

# %% [markdown]
# At 3,600 times real time a message of each tank is due every 83 ms.

# %%
progress = []
result = sl.run_live(scenario, iterations=36, on_progress=progress.append)
plotting.live_figure(progress)

# %%
plotting.live_table(progress, devices=result.devices).round({"last_level_pct": 2})

# %% [markdown]
# Sent, acknowledged by the broker, and stored by the platform: the same number.

# %%
pd.Series(
    {
        "emitted": result.emitted,
        "acknowledged": result.acknowledged,
        "pending": result.pending,
        **result.listener["status_counts"],
    },
    name="messages",
)
