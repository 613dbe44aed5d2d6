# %% [markdown]
# # synthlab: telemetry of tanks and trucks, before the devices are there
#
# You describe households, their water supply and the trucks that serve them in a scenario; synthlab
# simulates the water and what each sensor would report of it, minute by minute. People look at the result
# and sign it, and only then it goes into the platform, as if the devices had sent it.
#
# Run the cells from the top. The first picture is there in seconds, and nothing is installed, sent or
# stored anywhere but in a scratch folder.

# %%
import os
import tempfile

import synthlab as sl
from synthlab import plotting

# Everything this notebook writes goes into a folder of its own.
os.chdir(tempfile.mkdtemp(prefix="synthlab-"))
print("Scratch folder:", os.getcwd())

END_AT = "2026-02-12T10:00:00Z"

# %% [markdown]
# A scenario is a YAML file that people can read. Three come with the package; this one has two homes.

# %%
print("Templates:", ", ".join(sl.template_names()))
scenario = sl.load_scenario("stationary_only_v1")
scenario

# %% [markdown]
# Thirty days of both tanks. The first has regular supply and a large tank; the second lives on supply in
# fragments, and you can see it run dry.

# %%
history = sl.backfill(scenario, end_at=END_AT)
plotting.level_figure(history.frame)

# %%
plotting.level_table(history.frame).round(2).T

# %% [markdown]
# A row is a message that a device would send: raw distances as its sensor measures them. Beside them
# stands the truth that no real device tells: how much water people wanted, got, and how much came in.

# %%
shown = ["received_at", "device_id", "seq", "raw_mm_0", "measured_level_pct"]
shown += ["level_pct", "requested_liters", "served_liters", "inflow_liters"]
decimals = {"level_pct": 1, "requested_liters": 2, "served_liters": 2, "inflow_liters": 2}
history.frame[history.frame["received_at"].dt.hour == 18][shown].head(6).round(decimals)

# %% [markdown]
# The same scenario gives the same bytes, today and in a year.

# %%
again = sl.backfill(scenario, end_at=END_AT)
print("The same rows again:", again.frame.equals(history.frame))

# %% [markdown]
# ## Where to go from here
#
# The numbered notebooks follow one dataset from the idea to the platform. Each runs by itself.
#
# | notebook | what you do there | with |
# |---|---|---|
# | [01 Design](01_design.ipynb) | drag a demand curve, and see a tank react | `synthlab.design` |
# | [02 Preview](02_preview.ipynb) | does it fit the platform? Follow a truck's day | `validate`, `preview` |
# | [03 Export](03_export.ipynb) | turn history into an artifact, and compare two | `export_csv`, `compare` |
# | [04 Analyze](04_analyze.ipynb) | look through the findings, and sign | `analyze_csv`, `synthlab.review` |
# | [05 Import](05_import.ipynb) | bring it into the platform, once | `import_csv` |
# | [06 Live](06_live.ipynb) | go on from there as a live stream | `synthlab.monitor` |
#
# Two more look behind: [07 Archetypes](07_archetypes.ipynb) at what kinds of homes and trucks promise, and
# [08 Realism](08_realism.ipynb) at how close a synthetic home comes to a measured one.
#
# Views are interactive in JupyterLab. Where nobody can click, in a test or on a page of code, a picture
# stands in their place and the same is done by a line of Python, as these notebooks show.
