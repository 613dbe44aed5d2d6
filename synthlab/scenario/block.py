"""The base of all blocks of a scenario."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """Base of all blocks: frozen, strict, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        fields = type(self).model_fields
        shown = ((name, getattr(self, name)) for name in fields)
        return [
            (name, value)
            for name, value in shown
            if value != fields[name].get_default(call_default_factory=True)
        ]
