"""Kinds of values that the scenario's fields share: what is accepted, and made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from annotated_types import Len
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from synthlab.errors import UsageError
from synthlab.scenario.faults import FaultKindName
from synthlab.scenario.frozen import FrozenMapping
from synthlab.timeline import format_at, parse_at

# Assumed: beyond these no tank, tanker or household is meant; sums and milliliters stay exact.
MAX_WEIGHT, MAX_LITERS, MAX_MM = 1e6, 1e8, 1e5

_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _rule(rule: str) -> PydanticCustomError:
    return PydanticCustomError("synthlab_rule", "{rule}", {"rule": rule})


def _matching(pattern: re.Pattern[str], rule: str, change: Callable[[str], str] = str) -> AfterValidator:
    def check(value: str) -> str:
        # The check comes first: 'ı'.upper() is 'I', somebody else's id.
        if not pattern.fullmatch(value):
            raise _rule(rule)
        return change(value)

    return AfterValidator(check)


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise _rule("must be printable text without spaces at its ends")
    return value


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value.lower()):
        raise _rule("must be a UUID")
    return value.lower()


def _moment(value: str) -> str:
    try:
        return format_at(parse_at(value, name="at"))
    except UsageError as error:
        raise _rule(error.problems[0].rule) from None


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _frozen(value: dict[str, Any]) -> FrozenMapping[Any]:
    # A larger whole number is in no parameter's range, and float() of it may fail.
    return FrozenMapping({k: float(v) if type(v) is int and abs(v) < 2**53 else v for k, v in value.items()})


class _NoneAs:
    """Takes null for nothing, in validation and in the JSON Schema.

    ``mqtt:`` with every line below it commented out is an empty block, not a fault.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._value, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "null"}]}

    def _value(self, value: Any) -> Any:
        return self._make() if value is None else _tuple(value)


# -0.0 equals 0.0 and would still be another text, and so another hash.
Float = Annotated[float, AfterValidator(lambda value: value + 0.0)]
Positive = Annotated[Float, Field(gt=0)]
Weight = Annotated[Float, Field(gt=0, le=MAX_WEIGHT)]
Multiplier = Annotated[Float, Field(ge=0, le=MAX_WEIGHT)]
Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Path = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_printable)]
DeviceId = Annotated[
    str,
    Field(min_length=1, max_length=64, json_schema_extra={"pattern": f"^{_DEVICE_ID.pattern}$"}),
    _matching(_DEVICE_ID, "must be ASCII letters, digits, '_' and '-', a letter or digit first", str.upper),
]
Hours = Annotated[tuple[Weight, ...], Len(24, 24), BeforeValidator(_tuple)]
Days = Annotated[tuple[Weight, ...], Len(7, 7), BeforeValidator(_tuple)]
HourlyMultipliers = Annotated[tuple[Multiplier, ...], Len(24, 24), BeforeValidator(_tuple)]
DailyMultipliers = Annotated[tuple[Multiplier, ...], Len(7, 7), BeforeValidator(_tuple)]
FaultName = Annotated[
    FaultKindName,
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) and value.isascii() else value),
]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
VolumeTable = Annotated[
    tuple[Annotated[tuple[Float, Float], BeforeValidator(_tuple)], ...],
    Len(2, 1000),
    BeforeValidator(_tuple),
]
HostName = Annotated[
    str,
    Field(json_schema_extra={"pattern": f"^{_HOST.pattern}$"}),
    _matching(_HOST, "must be a host name or address alone"),
]
FolderName = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"pattern": f"^{_FOLDER_NAME.pattern}$"}),
    _matching(_FOLDER_NAME, "must be ASCII letters, digits, '.', '_' and '-', a letter or digit first"),
]
UuidText = Annotated[str, AfterValidator(_uuid), Field(json_schema_extra={"format": "uuid"})]
Overrides = Annotated[
    dict[str, Any],
    AfterValidator(_frozen),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["number", "string"]}}),
    _NoneAs(dict),
]

# Around a block or a list of blocks.
ListAsTuple = BeforeValidator(_tuple)
NoneAsEmptyBlock = _NoneAs(dict)
NoneAsEmptyList = _NoneAs(tuple)
