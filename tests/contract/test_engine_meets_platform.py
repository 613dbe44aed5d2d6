"""The engine's `measured_level_pct` is the level that the platform stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from synthlab.adapters.database import open_database
from synthlab.payload import decode_payload, emissions, encode_payload
from synthlab.platform import schema
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.provision import provision_devices
from tests.fleets import run, tank, truck

DEVICES = (
    tank("TANK-A", step_seconds=900),
    tank("TANK-GAPS", "stationary_archetype_c", step_seconds=900, no_echo_prob=0.7),
    tank("TANK-LYING", step_seconds=1800, reservoir={"shape": "lying_cylinder"}, reading_noise_mm=30.0),
    truck("TRUCK-1", step_seconds=600),
)


def test_stored_levels_and_places_are_the_frames(tmp_path: Path) -> None:
    frame = run(DEVICES, days=1).frame
    with open_database(f"sqlite:///{tmp_path / 'platform.db'}") as database:
        schema.create_schema(database.engine)
        with database.session() as session:
            provision_devices(session, [device.reservoir for device in DEVICES])
            outcomes = [
                str(
                    ingest_device_telemetry_from_mqtt(
                        session,
                        device_id=emission.device_id,
                        payload=decode_payload(encode_payload(emission.payload)),
                        received_at=emission.received_at,
                    )
                )
                for emission in emissions(frame)
            ]
            names = dict(session.execute(select(schema.devices.c.id, schema.devices.c.device_id)).all())
            readings = session.execute(select(schema.reservoir_readings)).mappings().all()
            points = session.execute(select(schema.device_location_points)).mappings().all()
    has_level = frame["measured_level_pct"].notna()
    assert set(outcomes) == {"stored:READING", "stored:RAW_ONLY"}
    assert outcomes == has_level.map({True: "stored:READING", False: "stored:RAW_ONLY"}).tolist()

    stored = {(names[row["device_id"]], row["device_seq"]): row for row in readings}
    kept = frame[has_level].set_index(["device_id", "seq"])
    assert len(stored) == len(kept)
    capacity = {device.device_id: device.reservoir.capacity_liters for device in DEVICES}
    for key, row in kept.iterrows():
        assert stored[key]["level_pct"] == pytest.approx(row["measured_level_pct"], abs=1e-9)
        volume = row["measured_level_pct"] / 100 * capacity[key[0]]
        assert stored[key]["volume_liters"] == pytest.approx(volume, abs=1e-6)
        assert stored[key]["battery_pct"] == row["battery_pct"]
    on_the_road = frame[frame["latitude"].notna()].sort_values("received_at")
    placed = sorted(points, key=lambda row: row["recorded_at"])
    assert [row["latitude"] for row in placed] == on_the_road["latitude"].tolist()
    assert [row["speed_kmh"] for row in placed] == on_the_road["speed_kmh"].tolist()
