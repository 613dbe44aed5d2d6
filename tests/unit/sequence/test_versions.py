"""Files of version 1, as they lie on disks: brought forward, and as safe as the new ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from synthlab.errors import SequenceStateError
from synthlab.sequence import SequenceState

RESERVED = {"first_seq": 1, "last_seq": 10, "until_second": None}
BODY: dict[str, Any] = {
    "devices": {
        "A": {
            "checkpoint": {"at_second": 600, "last_seq": 10, "volume_ml": 1_000},
            "gaps": [{"first_seq": 11, "last_seq": 12, "reason": "interrupted", "until_second": 900}],
            "last_seq": 12,
        }
    },
    "generation": 4,
    "reservations": [
        {
            "devices": {"A": RESERVED},
            "kind": "export",
            "run_id": "used@2026-02-12T10:00:00Z",
            "scenario_sha256": "00",
        },
        {
            "devices": {"A": {**RESERVED, "first_seq": 13, "last_seq": 20}},
            "kind": "export",
            "run_id": "waiting@2026-02-12T10:00:00Z",
            "scenario_sha256": "00",
        },
    ],
    "schema_version": 1,
    "state_id": "5b1f8f8e11112222333344445555666a",
    "target": None,
}


def text(tree: dict[str, Any]) -> bytes:
    return (json.dumps(tree, indent=2, sort_keys=True) + "\n").encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(text({**BODY, "checksum": hashlib.sha256(text(BODY)).hexdigest()}))
    return path


def test_a_file_of_version_1_says_what_it_said(path: Path) -> None:
    old = path.read_bytes()
    state = SequenceState.peek(path)
    assert (state.last_seq("A"), state.next_seq("A"), state.resume_second("A")) == (12, 21, 900)
    assert state.checkpoint() == {"A": BODY["devices"]["A"]["checkpoint"]}
    assert state.document.target is None
    assert [each.is_used for each in state.document.reservations] == [True, False]
    assert path.read_bytes() == old


def test_the_first_write_makes_it_version_2(path: Path) -> None:
    with SequenceState.open(path) as state:
        run = {"run_id": "waiting@2026-02-12T10:00:00Z", "scenario_sha256": "00"}
        assert state.reserve(**run, counts={"A": 8}) == {"A": 13}
        assert state.reserve(run_id="n", scenario_sha256="00", counts={"A": 1}) == {"A": 21}
    document = json.loads(path.read_bytes())
    assert (document["schema_version"], document["role"], document["generation"]) == (2, "current", 5)
    assert document["state_id"] == BODY["state_id"]
    previous = json.loads(path.with_name("state.json.prev").read_bytes())
    assert (previous["schema_version"], previous["role"], previous["generation"]) == (2, "previous", 4)


def test_every_flipped_byte_of_version_1_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.peek(path)
        assert caught.value.code == "STATE_DAMAGED"


def test_a_version_1_without_its_fields_is_damage(path: Path) -> None:
    body = {key: value for key, value in BODY.items() if key != "reservations"}
    path.write_bytes(text({**body, "checksum": hashlib.sha256(text(body)).hexdigest()}))
    with pytest.raises(SequenceStateError) as caught:
        SequenceState.peek(path)
    assert caught.value.code == "STATE_DAMAGED"
