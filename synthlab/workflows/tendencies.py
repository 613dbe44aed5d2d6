"""tendencies: do archetypes lean as they promise, over many seeds?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from synthlab.errors import Problem, UsageError, show_value
from synthlab.progress import shown
from synthlab.timeline import parse_at

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir
    from synthlab.quality.tendencies import Promises
    from synthlab.scenario.schema import Scenario

DEFAULT_END_AT = "2026-02-12T10:00:00Z"
"""End of the simulated windows. Assumed: any moment will do; a fixed one can be repeated."""


def tendencies(
    scenario: Scenario,
    *,
    seeds: int = 20,
    window: str = "30d",
    end_at: datetime | str = DEFAULT_END_AT,
    devices: Sequence[str] | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    by: Literal["archetype", "device"] = "archetype",
    on_progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Say how each archetype's metrics lean over many seeds, and whether as promised.

    Simulates the scenario once a seed, over one window that ends at `end_at`, computes
    the platform's metrics of every device, and compares each archetype with its
    contrast in the same scenario, seed by seed.  Reads only.

    Parameters
    ----------
    scenario : Scenario
        Its own seed is the first; ``seed + 1``, ``seed + 2``, ... follow.
    seeds : int
        How many runs, at least 2.
    window : {"24h", "7d", "30d"}
        Length of each run, and the window of the metrics.
    end_at : datetime or str
        End of each run, aware.
    devices : sequence of str, optional
        Only these.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns; by default the scenario's own.
    by : {"archetype", "device"}
        One row an archetype, whose devices are averaged in each run, or one a device.
    on_progress : callable, optional
        Called as ``on_progress(done, total)`` after each run; by default a bar where a person looks.

    Returns
    -------
    DataFrame
        Indexed by ``metric`` and ``archetype`` (and ``device_id``): the metrics that the
        scenario's archetypes make a promise of.

        ``promise``
            ``lower`` or ``higher`` than ``against``, or ``below 0.7``; null where this
            archetype promises nothing of the metric.
        ``mean``, ``sd``, ``low``, ``high``
            Over the seeds; low and high bound the mean's 95 % interval (Student's t).
        ``seeds_count``
            Seeds in which the metric exists.
        ``share``
            Seeds in which the metric leans as promised, of all; equal or null values
            do not lean.
        ``is_apart``
            The two intervals do not touch, on the promised side.
        ``passed``
            ``is_apart``, and leaning in 19 of 20 seeds or more; null where nothing is
            promised, or the contrast is not in the scenario.

        Each number and verdict stands there twice: as measured, and with the suffix
        ``_truth`` from the truth.  ``attrs["by_seed"]`` holds the single runs' values;
        `tendencies_by_seed` makes a table of them.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: fewer than 2 seeds, no such window, device or grouping.

    Examples
    --------
    >>> import synthlab
    >>> found = synthlab.tendencies(synthlab.load_scenario("mobile_only_v1"), seeds=2, window="7d")
    >>> found.loc[("liters_per_km", "mobile_high_efficiency"), "promise"]
    'higher'
    """
    import pandas as pd

    from synthlab.quality.tendencies import judge

    _require(seeds, by)
    promises = _promises()
    runs = []
    with shown("tendencies", on_progress) as report:
        for number in range(seeds):
            seeded = scenario.model_copy(update={"seed": scenario.seed + number})
            runs.append(_run(seeded, window, end_at, devices, reservoirs))
            report(number + 1, seeds)
    by_seed = pd.concat(runs, ignore_index=True)
    found = judge(by_seed, promises, by=by)
    # Lists, as pandas copies and compares attrs, which tables among them would not survive.
    found.attrs = {"window": window, "by_seed": by_seed.to_dict("list")}
    return found


def tendencies_by_seed(found: pd.DataFrame) -> pd.DataFrame:
    """Return the single runs behind a table of tendencies.

    Parameters
    ----------
    found : DataFrame
        What `tendencies` returned.

    Returns
    -------
    DataFrame
        One row a seed, device and metric: ``seed``, ``archetype``, ``device_id``,
        ``metric``, ``measured``, ``truth``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a table that has lost its ``attrs``.
    """
    import pandas as pd

    if "by_seed" not in found.attrs:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "does not hold the single runs",
                path="found",
                remedy="Pass what tendencies returned, not a table made from it",
            )
        )
    return pd.DataFrame(found.attrs["by_seed"])


def _require(seeds: int, by: str) -> None:
    problems = []
    if seeds < 2:
        rule, remedy = "needs at least 2", "One run has no interval"
        problems.append(Problem("BAD_ARGUMENT", rule, path="seeds", value=str(seeds), remedy=remedy))
    if by not in {"archetype", "device"}:
        rule = "needs one of archetype, device"
        problems.append(Problem("BAD_ARGUMENT", rule, path="by", value=show_value(by)))
    if problems:
        raise UsageError(problems)


def _promises() -> dict[str, Promises]:
    from synthlab.quality.tendencies import Promises
    from synthlab.scenario.archetypes import ARCHETYPES

    return {name: Promises(entry.tendencies, entry.contrast) for name, entry in ARCHETYPES.items()}


def promised_metrics(archetype: str) -> list[str]:
    """Return the metrics that an archetype, or its contrast, makes a promise of."""
    from synthlab.scenario.archetypes import ARCHETYPES

    entry = ARCHETYPES[archetype]
    return list({**entry.tendencies, **ARCHETYPES[entry.contrast].tendencies})


def _run(
    scenario: Scenario,
    window: str,
    end_at: datetime | str,
    devices: Sequence[str] | None,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None,
) -> pd.DataFrame:
    """Simulate one seed, and return the promised metrics as one row a device and metric."""
    import pandas as pd

    from synthlab.quality.metrics import metrics_from_frame
    from synthlab.quality.windows import HourWindow
    from synthlab.scenario.resolve import resolve
    from synthlab.workflows.backfill import backfill, choose_devices, reservoirs_of

    hours = HourWindow.ending_with(window, 0).hours
    end = parse_at(end_at)
    history = backfill(
        scenario, start_at=end - timedelta(hours=hours), end_at=end, devices=devices, reservoirs=reservoirs
    )
    chosen = choose_devices(resolve(scenario), devices)
    found = metrics_from_frame(history.frame, reservoirs=reservoirs_of(chosen, reservoirs), window=window)
    return pd.DataFrame(
        [
            {
                "seed": scenario.seed,
                "archetype": device.archetype,
                "device_id": device.device_id,
                "metric": metric,
                "measured": found.loc[device.device_id, metric],
                "truth": found.loc[device.device_id, f"{metric}_truth"],
            }
            for device in chosen
            for metric in promised_metrics(device.archetype)
        ]
    )
