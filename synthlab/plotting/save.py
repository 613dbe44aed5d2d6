"""The standard pictures of a dataset, as files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synthlab.errors import disk_error, require_file_name
from synthlab.plotting.demand import demand_figure
from synthlab.plotting.level import level_figure
from synthlab.plotting.routes import routes_figure
from synthlab.plotting.series import mobile_devices
from synthlab.plotting.style import Plot
from synthlab.plotting.supply import supply_figure

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir


def save_plots(
    frame: pd.DataFrame,
    directory: str | Path,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
) -> list[Path]:
    """Draw the standard pictures of a frame into a directory.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    directory : path
        Made where it is not there. Of the pictures named below, those that do not
        apply to this frame are removed from it.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns; adds capacities.

    Returns
    -------
    list of Path
        What was written: ``level.png``; ``demand_by_hour.png`` and
        ``supply_by_hour.png`` where there are stationary devices; ``routes.png``
        where there are trucks. Empty for a frame without rows. The same frame gives
        the same bytes.

    Raises
    ------
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    folder = Path(directory)
    dated = frame[["device_id", "latitude"]][frame["received_at"].notna()]
    trucks = mobile_devices(dated)
    stationary = dated["device_id"].nunique() > len(trucks)
    pictures: dict[str, Callable[[], Plot] | None] = {
        "level.png": (lambda: level_figure(frame, reservoirs=reservoirs)) if len(dated) else None,
        "demand_by_hour.png": (lambda: demand_figure(frame)) if stationary else None,
        "supply_by_hour.png": (lambda: supply_figure(frame)) if stationary else None,
        "routes.png": (lambda: routes_figure(frame)) if trucks else None,
    }
    written = []
    for name, draw in pictures.items():
        if draw is None:
            _remove(folder / name)
        else:
            written.append(write_picture(folder / name, draw().png()))
    return written


def write_picture(path: Path, content: bytes) -> Path:
    """Replace a file: readers see the old picture or the new one, never a half.

    Raises
    ------
    DiskError
        Code ``DISK_WRITE_FAILED``; what was there is unharmed, and nothing is left beside it.
    """
    require_file_name(path)
    # The name that an artifact takes for what a killed writer left.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left_over in path.parent.glob(f".{path.name}.????????.tmp"):
            left_over.unlink(missing_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
    return path


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
