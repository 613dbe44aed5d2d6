"""An artifact directory: rows, manifest, hashes, approval.

Names are imported on first use, because they need numpy, pandas and pyarrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthlab.artifact.approval import Approval as Approval
    from synthlab.artifact.approval import check_approval as check_approval
    from synthlab.artifact.approval import check_decision as check_decision
    from synthlab.artifact.approval import write_approval as write_approval
    from synthlab.artifact.csv import CsvDigest as CsvDigest
    from synthlab.artifact.csv import write_csv as write_csv
    from synthlab.artifact.reader import Rows as Rows
    from synthlab.artifact.reader import read_csv as read_csv
    from synthlab.artifact.reader import read_rows as read_rows
    from synthlab.artifact.store import Artifact as Artifact
    from synthlab.artifact.store import read_artifact as read_artifact
    from synthlab.artifact.store import require_place as require_place
    from synthlab.artifact.store import write_artifact as write_artifact

_HOMES = {
    "Approval": "approval",
    "Artifact": "store",
    "CsvDigest": "csv",
    "Rows": "reader",
    "check_approval": "approval",
    "check_decision": "approval",
    "read_artifact": "store",
    "read_csv": "reader",
    "read_rows": "reader",
    "require_place": "store",
    "write_approval": "approval",
    "write_artifact": "store",
    "write_csv": "csv",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
