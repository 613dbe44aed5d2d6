"""Which ingestion function is fed: the reference one, or the real platform's."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from synthlab.errors import AdapterUnavailableError, Problem, UsageError, show_value

VARIABLE = "SYNTHLAB_INGEST"

_FORM = "Write it as package.module:function"


def load_ingest() -> Callable[..., Any]:
    """Return the ingestion function.

    Returns
    -------
    callable
        Called as ``ingest(session, *, device_id, payload, received_at, mqtt_client_id)``;
        the text of what it returns is the outcome.  ``SYNTHLAB_INGEST=package.module:function``
        names one, otherwise it is the reference platform's.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: the variable does not name a function.
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: its module cannot be imported.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt

        return ingest_device_telemetry_from_mqtt
    module_name, separator, function_name = named.partition(":")
    parts = [*module_name.split("."), *function_name.split(".")]
    if not separator or not all(part.isidentifier() for part in parts):
        raise _bad("needs the form package.module:function", named, _FORM)
    found: Any = _import(module_name, named)
    for part in function_name.split("."):
        if not hasattr(found, part):
            raise _bad(f"{module_name} has no {show_value(function_name)}", named, _FORM)
        found = getattr(found, part)
    if not callable(found):
        raise _bad("needs a function", named, _FORM)
    return found


def plugged_in() -> Callable[..., Any] | None:
    """Return the ingestion function that `VARIABLE` names; None: the reference platform's is fed.

    Raises
    ------
    UsageError, AdapterUnavailableError
        As `load_ingest`.
    """
    from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt

    ingest = load_ingest()
    return None if ingest is ingest_device_telemetry_from_mqtt else ingest


def _import(module_name: str, named: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise AdapterUnavailableError(
            Problem(
                "ADAPTER_NOT_INSTALLED",
                f"cannot import {show_value(error.name or module_name)}",
                path=VARIABLE,
                value=show_value(named),
                remedy="Install the platform's package into this environment, or unset the variable",
            )
        ) from error


def _bad(rule: str, named: str, remedy: str) -> UsageError:
    return UsageError(Problem("BAD_ARGUMENT", rule, path=VARIABLE, value=show_value(named), remedy=remedy))
