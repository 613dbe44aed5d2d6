"""What is in a platform's database, read by plain SQL: shares no code with the importer.

Left out is what a clock or a race chose: times at which something was written, the
numbers (not the order) of events, and the ledger's own times.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TABLES = {
    "reservoirs": "id, level_state, last_level_pct, last_volume_liters, last_reading_at",
    "devices": "id, device_id, last_seen_at, last_battery_pct",
    "device_telemetry_messages": "mqtt_client_id, seq, id, device_id, received_at, recorded_at, payload",
    "reservoir_readings": "device_id, device_seq, id, reservoir_id, recorded_at, level_pct, volume_liters,"
    " battery_pct, raw_sample_count, raw_mean, raw_stddev, source, telemetry_message_id",
    "device_location_points": "id, device_id, recorded_at, latitude, longitude, speed_kmh, course_degrees,"
    " telemetry_message_id",
    "stationary_hourly_series": "*",
    "stationary_supply_events": "*",
    "mobile_hourly_series": "*",
    "mobile_stop_episodes": "*",
    "mobile_places": "*",
    "reservoir_metrics_windows": "*",
    "zone_metrics_windows": "*",
}
IN_ORDER = {
    "events": "SELECT id, type, subject_type, subject_id, created_at, data FROM events ORDER BY seq",
    "consumed": "SELECT (SELECT max(seq) FROM events) = (SELECT max(last_seq) FROM event_consumers)",
}
LEDGER = (
    "SELECT row_count, next_row, pass_number, status_counts, is_closed FROM synthlab_imports ORDER BY run_id"
)


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of one query over a connection of its own."""
    if url.startswith("sqlite:///"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        import psycopg

        parts = urlsplit(url)
        host = parts.hostname or parse_qs(parts.query)["host"][0]
        connection = psycopg.connect(
            host=host,
            user=unquote(parts.username or ""),
            dbname=parts.path.strip("/"),
            port=parts.port or 5432,
        )
    try:
        return [tuple(_plain(value) for value in row) for row in connection.execute(query).fetchall()]
    finally:
        connection.close()


def dump(url: str) -> dict[str, list[str]]:
    """Everything that an import leaves, in a form that two databases can be compared by."""
    return platform(url) | {"ledger": list(map(repr, ask(url, LEDGER)))}


def platform(url: str) -> dict[str, list[str]]:
    """All of that but the ledger, whose tables need not be there."""
    found = {
        name: sorted(map(repr, ask(url, f"SELECT {columns} FROM {name}"))) for name, columns in TABLES.items()
    }
    return found | {name: list(map(repr, ask(url, query))) for name, query in IN_ORDER.items()}


def progress(url: str) -> tuple[int, int, bool] | None:
    """Next row, rows in all, and whether the import is closed; None before it began."""
    try:
        rows = ask(url, "SELECT next_row, row_count, is_closed FROM synthlab_imports")
    except Exception as error:
        if "synthlab_imports" in str(error):
            return None
        raise
    return None if not rows else (rows[0][0], rows[0][1], bool(rows[0][2]))


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.dumps(json.loads(value), sort_keys=True)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
