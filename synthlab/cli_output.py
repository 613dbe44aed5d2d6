"""How the command line speaks: one JSON object on stdout, words on stderr.

Whatever happens, stdout gets exactly one JSON object with ``"command"`` in it, the
exit code says what kind of end it was, and an expected error shows no traceback.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from synthlab.errors import AdapterUnavailableError, DiskError, Problem, SynthlabError, UsageError
from synthlab.progress import OnProgress
from synthlab.results import Result, to_json_value
from synthlab.warned import grouped

if TYPE_CHECKING:
    from synthlab.workflows.live import LiveProgress

BUG_EXIT_CODE = 1
# Says how people get the traceback of a bug; operators get one line.
DEBUG_VARIABLE = "SYNTHLAB_DEBUG"


class Stopped(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.name = signal.Signals(number).name


class RefusedError(Exception):
    """A verb did its work and the answer is no: its result is shown with the error."""

    def __init__(self, result: Result, error: SynthlabError) -> None:
        super().__init__(str(error))
        self.result = result
        self.error = error


def say(text: str) -> None:
    """Write a line for people."""
    print(text, file=sys.stderr)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write aligned columns for people; nothing where there are no rows."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def emit(command: str, result: Result | Mapping[str, Any]) -> None:
    """Write the command's one JSON object, and its warnings for people."""
    content = result.to_dict() if isinstance(result, Result) else dict(result)
    for warning in grouped(content.get("warnings") or ()):
        say(f"warning: {warning}")
    write_json({"command": command, **content})


def write_json(content: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout, whole or with an error."""
    text = json.dumps(to_json_value(content), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would be tried, and complained about, again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise Stopped(signal.SIGPIPE) from None
        raise


def live(on_progress: OnProgress) -> Callable[[LiveProgress], None]:
    """Show a live run's messages acknowledged among those sent."""
    return lambda run: on_progress(run.acknowledged, run.emitted)


def run(app: typer.Typer, arguments: list[str] | None, shared: object, command_of: Callable[[], str]) -> int:
    """Run the application and return its exit code; the one place that handles errors.

    Parameters
    ----------
    app : Typer
    arguments : list of str, optional
        By default the process's own.
    shared : object
        What the commands find as their context's ``obj``.
    command_of : callable
        Names the command, as far as the arguments told it.
    """
    warnings.showwarning = _show_warning
    _listen_to_signals()
    try:
        returned = app(args=arguments, prog_name="synthlab", standalone_mode=False, obj=shared)
        return returned if isinstance(returned, int) else 0
    except RefusedError as refused:
        return _fail(command_of(), refused.error, result=refused.result)
    except SynthlabError as error:
        return _fail(command_of(), error)
    except typer.TyperException as error:
        return _fail(command_of(), _usage(error.format_message()))
    except ModuleNotFoundError as error:
        if (error.name or "synthlab").startswith("synthlab"):
            return _bug(command_of(), error)
        return _fail(command_of(), _not_installed(error))
    except OSError as error:
        return _fail(command_of(), _disk(error))
    except Stopped as stop:
        return _stopped(command_of(), stop)
    except Exception as error:
        return _bug(command_of(), error)


def _fail(command: str, error: SynthlabError, *, result: Result | None = None) -> int:
    say(f"error: {error}")
    content = {} if result is None else result.to_dict()
    body = {"code": error.code, "exit_code": error.exit_code, "problems": error.to_records()}
    _write_failure({"command": command, **content, "error": body})
    return error.exit_code


def _stopped(command: str, stop: Stopped) -> int:
    rule = f"stopped by {stop.name}"
    same = "Run the same command again: what is stored already is recognized and left alone"
    # A verb that knows better how to go on leaves a note.
    remedy = next(iter(getattr(stop, "__notes__", ())), same)
    problem = Problem("INTERRUPTED", rule, remedy=remedy)
    say(f"error: {problem}")
    body = {"code": "INTERRUPTED", "exit_code": stop.exit_code, "problems": [problem.to_record()]}
    _write_failure({"command": command, "error": body})
    return stop.exit_code


def _bug(command: str, error: Exception) -> int:
    kind = type(error).__name__
    say(f"error: a bug in synthlab ({kind}). Set {DEBUG_VARIABLE}=1 to see where, and report it.")
    if os.environ.get(DEBUG_VARIABLE) == "1":
        say("".join(traceback.format_exception(error)))
    body = {"code": "BUG", "exit_code": BUG_EXIT_CODE, "problems": [{"code": "BUG", "rule": kind}]}
    _write_failure({"command": command, "error": body})
    return BUG_EXIT_CODE


def _write_failure(content: Mapping[str, Any]) -> None:
    # Where stdout itself is what is broken, the exit code and stderr still tell.
    with suppress(OSError, Stopped):
        write_json(content)


def _usage(message: str) -> UsageError:
    return UsageError(Problem("BAD_ARGUMENT", message.rstrip("."), remedy="See `synthlab --help`"))


def _not_installed(error: ModuleNotFoundError) -> AdapterUnavailableError:
    return AdapterUnavailableError(
        Problem(
            "ADAPTER_NOT_INSTALLED",
            f"{error.name} must be installed",
            remedy="Run: pip install 'synthlab[live,platform,plots]'",
        )
    )


def _disk(error: OSError) -> DiskError:
    name = str(error.filename) if error.filename else "the local disk"
    return DiskError(
        Problem(
            "DISK_WRITE_FAILED",
            f"{(error.strerror or type(error).__name__).lower()}",
            path=name,
            remedy="Check that the folder is there, writable, and not full",
        )
    )


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    # Other categories are a library's own: they concern whoever develops synthlab.
    if category is UserWarning:
        say(f"warning: {message}")


def _listen_to_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
