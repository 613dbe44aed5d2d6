# %% [markdown]
# # Workbench
#
# Shape a scenario under Design and export it; look at its history and sign it under Review; stream it
# under Live.

# %%
import os
import tempfile

from synthlab import widgets

# `make app` names the folder that everything goes into; without it, it is a new one.
os.chdir(os.environ.get("SYNTHLAB_WORKSPACE") or tempfile.mkdtemp(prefix="synthlab-"))
widgets.workbench()
