from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.platform.message import (
    MAX_PAYLOAD_BYTES,
    InvalidPayloadError,
    normalize_client_id,
    normalize_device_id,
    read_message,
    safe_text,
    to_json_text,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
)
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
documents = st.dictionaries(
    keys,
    st.recursive(scalars, lambda c: st.lists(c, max_size=3) | st.dictionaries(keys, c, max_size=3)),
    max_size=4,
)
anything = st.recursive(
    scalars
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.sampled_from([10**4000, "\0", "\ud800", object()]),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=2) | st.integers(), c, max_size=3),
)
part_names = st.sampled_from(
    ["seq", "sensors", "ultrasonic", "raw_readings", "power", "battery_percentage", "location", "latitude"]
)


@given(documents)
def test_a_document_comes_back_as_it_was(document: dict[str, Any]) -> None:
    assert json.loads(to_json_text(document)) == document


@given(st.dictionaries(part_names, anything | st.dictionaries(part_names, anything, max_size=3), max_size=4))
def test_anything_is_read_or_invalid_and_never_another_error(payload: dict[str, Any]) -> None:
    try:
        message = read_message(payload)
    except InvalidPayloadError:
        return
    assert "\\u0000" not in message.document.replace("\\\\", "")
    assert "NaN" not in message.document or '"' in message.document
    message.document.encode()


def test_the_longest_payload() -> None:
    frame = len('{"a":""}')
    assert len(to_json_text({"a": "x" * (MAX_PAYLOAD_BYTES - frame)})) == MAX_PAYLOAD_BYTES
    with pytest.raises(InvalidPayloadError):
        to_json_text({"a": "x" * (MAX_PAYLOAD_BYTES - frame + 1)})


@pytest.mark.parametrize("level", [1, 50, 100, 253])
def test_both_paths_take_the_same_depth(level: int) -> None:
    inner: dict[str, Any] = {"last": None}
    for _ in range(level - 1):
        inner = {"a": inner}
    assert json.loads(to_json_text(inner)) == inner
    plain = json.loads(json.dumps(inner).replace("null", "1"))
    assert json.loads(to_json_text(plain)) == plain


@pytest.mark.parametrize("last", [None, 1])
def test_both_paths_refuse_the_same_depth(last: int | None) -> None:
    inner: dict[str, Any] = {"last": last}
    for _ in range(254):
        inner = {"a": inner}
    with pytest.raises(InvalidPayloadError):
        to_json_text(inner)


def test_ids_are_compared_in_ascii_capitals() -> None:
    assert normalize_device_id("e2e-1") == "E2E-1"
    assert normalize_device_id("ſtat1") is None  # 'ſ'.upper() is 'S'
    assert normalize_client_id(None, "A1") == "A1"
    assert normalize_client_id("a1", "A1") == "A1"
    assert normalize_client_id("Gateway", "A1") == "Gateway"


@given(st.text() | st.integers() | st.none())
def test_safe_text_is_short_ascii(value: Any) -> None:
    shown = safe_text(value)
    assert shown.isascii()
    assert "\0" not in shown
    assert len(shown) < 1000
