"""What a database's failure means to the caller, told without the driver's text."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from synthlab.errors import (
    Code,
    DiskError,
    PreflightError,
    Problem,
    SafetyError,
    ServiceUnavailableError,
    SynthlabError,
    UsageError,
)

_TRY_AGAIN = "Check that it runs and can be reached, then run the same command again"

# Part of a driver's message -> what is said instead. Matched, never shown: the message
# quotes what it was given, and with a mistyped URL that may be a piece of the password.
_CONNECT_REASONS = {
    "connection refused": "the server refuses connections",
    "timeout expired": "the server does not answer in time",
    "timed out": "the server does not answer in time",
    "name or service not known": "the server's name is not known",
    "could not translate host name": "the server's name is not known",
    "failed to resolve host": "the server's name is not known",
    "no such file or directory": "no server listens at that socket",
    "password authentication failed": "the server refuses the login",
    "no password supplied": "the server wants a password",
    "no pg_hba.conf entry": "the server refuses the login",
    "role": "the server refuses the login",
    "database": "the server has no database of that name",
    "starting up": "the server is starting",
    "shutting down": "the server is shutting down",
    "too many": "the server has no connection left",
    "certificate": "the server's certificate is refused",
}


def explain(error: DBAPIError, where: str, *, read_only: bool = False) -> SynthlabError | None:
    """Return what is raised in place of a driver's error, or None where it is a bug.

    Parameters
    ----------
    error : DBAPIError
    where : str
        The database, without its password.
    read_only : bool
        It was opened for reading: a file that cannot be opened is no fault of the disk.
    """
    state = getattr(error.orig, "sqlstate", None)
    if type(error.orig).__module__.startswith("psycopg"):
        return _explain_postgresql(error, state, where)
    message = str(error.orig).lower()
    if read_only and "unable to open" in message:
        return _unavailable("the database file cannot be opened", where)
    return _explain_sqlite(message, where)


def _explain_postgresql(error: DBAPIError, state: str | None, where: str) -> SynthlabError | None:
    if state in ("25006", "42501"):
        return _refused("the database refuses to be written to", where)
    if state == "42P01":
        return _schema_missing(where)
    if state in ("53100", "58030"):
        return _disk("the database's disk is full or broken", where)
    if state in ("40001", "40P01", "55P03"):
        return _unavailable("another transaction was in the way", where)
    is_gone = state is None or state.startswith(("08", "28", "3D", "53", "57P"))
    if not (error.connection_invalidated or is_gone) or type(error.orig).__name__ == "ProgrammingError":
        return None
    message = str(error.orig).lower()
    # What follows the server's address: the address may hold any of the words.
    tail = message.rpartition("failed:")[2]
    reason = next((said for part, said in _CONNECT_REASONS.items() if part in tail), None)
    if reason is None and state is None and not error.connection_invalidated and "connection" not in message:
        return None
    return _unavailable(reason or "the server does not answer", where)


def _explain_sqlite(message: str, where: str) -> SynthlabError | None:
    if "locked" in message:
        return _unavailable("another process is writing to the database", where)
    if "readonly database" in message or "read-only" in message:
        return _refused("the database refuses to be written to", where)
    if "no such table" in message:
        return _schema_missing(where)
    if "full" in message or "i/o error" in message:
        return _disk("the disk is full or broken", where)
    if "unable to open" in message:
        return _disk("the database file cannot be opened, or made in its folder", where)
    if "not a database" in message or "malformed" in message:
        return UsageError(
            Problem("BAD_ARGUMENT", "needs a whole SQLite database", path=where, remedy="Check the file")
        )
    return None


def _unavailable(rule: str, where: str) -> SynthlabError:
    return ServiceUnavailableError(Problem("DATABASE_UNAVAILABLE", rule, path=where, remedy=_TRY_AGAIN))


def _refused(rule: str, where: str) -> SynthlabError:
    return SafetyError(
        Problem("SAFETY_GUARD", rule, path=where, remedy="Open it for writing, with that right")
    )


def _schema_missing(where: str) -> SynthlabError:
    code: Code = "PLATFORM_SCHEMA_MISSING"
    remedy = "`synthlab provision` creates one for a scenario"
    return PreflightError(Problem(code, "no platform there", path=where, remedy=remedy))


def _disk(rule: str, where: str) -> SynthlabError:
    remedy = "Free some space; the transaction was rolled back and nothing of it is stored"
    return DiskError(Problem("DISK_WRITE_FAILED", rule, path=where, remedy=remedy))
