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
os.environ.pop("SYNTHLAB_BROKER_URL", None)  # a broker of our own, whatever is configured
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"

# %%
scenario = sl.load_scenario("stationary_only_v1").with_changes(days=1)
sl.provision(scenario)
history = sl.bootstrap(scenario, end_at=END_AT)
pd.DataFrame(history.devices).T

# %% [markdown]
# ## Start and stop
#
# The view streams in the background, so the notebook stays free: rate, lag, what the broker has
# acknowledged, the last levels, and a map where trucks are. At 3,600 times real time a message of each
# tank is due every 83 ms. Press Start, and Stop.

# %%
view = sl.monitor(scenario, speedup_factor=3_600, iterations=36)
view

# %% [markdown]
# By code: start, and wait for the end, as this run has one.

# %%
view.start()
print("Stream", view.wait(timeout_seconds=120).phase)
plotting.live_figure(view.session.progress())

# %% [markdown]
# The first number follows the last one of the history, and so does the time.

# %%
view.table.drop(columns=["latitude", "longitude", "fix_at"]).round({"level_pct": 1, "volume_liters": 1})

# %% [markdown]
# Sent, acknowledged by the broker, and stored by the platform: the same number.

# %%
result = view.result
pd.Series(
    {
        "emitted": result.emitted,
        "acknowledged": result.acknowledged,
        "pending": result.pending,
        **result.listener["status_counts"],
    },
    name="messages",
)
