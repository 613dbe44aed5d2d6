"""purge: take what a run imported out of the platform again, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.errors import Problem, UsageError, show_value
from synthlab.results import Result, counted
from synthlab.workflows.connect import open_platform, platform_reader

if TYPE_CHECKING:
    from synthlab.platform.purge import Purged


@dataclass(frozen=True)
class PurgeResult(Result):
    """What a purge took away, or would take away.

    Attributes
    ----------
    run_id : str
    apply : bool
        Whether anything was deleted.
    imports : int
        Imports that the run has in the ledger.
    messages, readings, points, events : int
        Rows that they stored and that are still there.
    devices : tuple of str
        Whose messages those are.
    read_models_rebuilt : bool
        Whether the reservoirs' read models were computed again from what is left.
    """

    run_id: str
    apply: bool
    imports: int
    messages: int
    readings: int
    points: int
    events: int
    devices: tuple[str, ...]
    read_models_rebuilt: bool

    def summary(self) -> str:
        """Say in one line what was deleted, or would be."""
        done = "deleted" if self.apply else "dry run, nothing deleted"
        return f"{done}: {counted(self.messages, 'message')} of {self.run_id}"


def purge(run_id: str, *, database: str | None = None, apply: bool = False) -> PurgeResult:
    """Delete exactly what a run imported.  Without `apply`: reads only, and counts.

    Parameters
    ----------
    run_id : str
        Of an artifact, or ``bootstrap-<end>``.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    apply : bool
        Delete: messages, readings, location points, events, and the ledger's rows.

    Returns
    -------
    PurgeResult

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: the ledger knows no such run.

    Notes
    -----
    Everything happens in one transaction.  Messages that were there before the import,
    or came live, stay.  The cached state of devices and reservoirs becomes that of the
    latest message that is left; where the analytics consumer had been at work, the read
    models of the reservoirs are computed again from the readings that are left.  The
    sequence state keeps its numbers: none is used twice, also not after a purge.
    """
    if not apply:
        with platform_reader(database) as session:
            if session is None:
                raise _unknown(run_id)
            from synthlab.platform.purge import count_run

            return _result(run_id, count_run(session, run_id), apply=False)
    with open_platform(database) as platform:
        if not platform.exists():
            raise _unknown(run_id)
        from synthlab.platform.purge import purge_run

        with platform.session() as session:
            purged = purge_run(session, run_id)
    return _result(run_id, purged, apply=True)


def _result(run_id: str, purged: Purged, *, apply: bool) -> PurgeResult:
    if not purged.imports:
        raise _unknown(run_id)
    return PurgeResult(
        run_id=run_id,
        apply=apply,
        imports=purged.imports,
        messages=purged.messages,
        readings=purged.readings,
        points=purged.points,
        events=purged.events,
        devices=purged.devices,
        read_models_rebuilt=purged.read_models_rebuilt,
    )


def _unknown(run_id: str) -> UsageError:
    return UsageError(
        Problem(
            "BAD_ARGUMENT",
            "no import of this run is in the platform's ledger",
            path="run_id",
            value=show_value(run_id),
            remedy="Give the run_id that import-csv or bootstrap printed, and the platform that it went to",
        )
    )
