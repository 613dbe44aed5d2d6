"""compare: what differs between two artifacts, and nothing where nothing does."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

import synthlab
from synthlab.artifact import Artifact
from synthlab.errors import ArtifactError
from synthlab.scenario.loader import loads_scenario


@pytest.fixture
def base(tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime) -> Artifact:
    return synthlab.export_csv(tiny_scenario, database=sqlite_platform, run_id="r1", end_at=end_at)


@pytest.fixture
def warmer(tiny_text: str, base: Artifact, sqlite_platform: str, end_at: datetime) -> Artifact:
    """The same scenario with twice the demand for the tank."""
    more = "archetype: stationary_archetype_a\n    dynamics: {demand: {target_daily_liters: 1800}}"
    scenario = loads_scenario(tiny_text.replace("archetype: stationary_archetype_a", more))
    return synthlab.export_csv(
        scenario, database=sqlite_platform, run_id="r2", end_at=end_at, state_file="other.json"
    )


def test_an_artifact_does_not_differ_from_itself(base: Artifact) -> None:
    compared = synthlab.compare(base, base.directory)
    assert compared.is_identical
    assert compared.scenario_changes == ()
    assert (compared.shared_count, compared.equal_count) == (98, 98)
    assert compared.distributions["ks"].eq(0).all()
    assert compared.metrics["difference"].dropna().eq(0).all()
    table = compared.to_frame()
    assert table["difference"].dropna().eq(0).all()
    assert repr(compared) == "Comparison(tiny/r1 against tiny/r1: the rows are the same, byte for byte)"


def test_one_changed_curve_is_told_from_scenario_to_metrics(base: Artifact, warmer: Artifact) -> None:
    compared = synthlab.compare(base.directory, warmer.directory)
    assert not compared.is_identical
    paths = [change.path for change in compared.scenario_changes]
    assert all(path.startswith("devices[E2ETINYSTAT1].dynamics") for path in paths)
    assert paths
    # The other device draws what it drew before.
    agreement = compared.agreement
    assert agreement.loc["E2ETINYMOB1", "equal_count"] == 49
    assert agreement.loc["E2ETINYSTAT1", "equal_count"] < 49
    assert compared.most_different()[0] == "E2ETINYSTAT1"
    asked = compared.distributions.loc[("E2ETINYSTAT1", "requested_liters")]
    assert asked["mean_b"] > 1.5 * asked["mean_a"]
    assert compared.metrics.loc[("E2ETINYMOB1", "delivered_liters"), "difference"] == 0
    assert "E2ETINYSTAT1 moves most" in repr(compared)
    document = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert document["b"]["run_id"] == "r2"
    assert {row["device_id"] for row in document["agreement"]} == {"E2ETINYMOB1", "E2ETINYSTAT1"}


def test_every_number_is_in_one_table(base: Artifact, warmer: Artifact) -> None:
    compared = synthlab.compare(base, warmer)
    table = compared.to_frame()
    assert set(table["part"]) >= {"rows", "distribution", "metric"}
    row = table[(table["part"] == "distribution") & (table["device_id"] == "E2ETINYSTAT1")].iloc[0]
    assert row["b"] - row["a"] == pytest.approx(row["difference"])
    assert len(table[table["part"] == "distribution"]) == len(compared.distributions)


def test_other_windows_share_the_rows_of_both(
    base: Artifact, tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime
) -> None:
    later = synthlab.export_csv(
        tiny_scenario,
        database=sqlite_platform,
        run_id="later",
        end_at=end_at + timedelta(hours=12),
        state_file="later.json",
    )
    compared = synthlab.compare(base, later)
    assert compared.agreement["shared_count"].tolist() == [25, 25]
    far = synthlab.export_csv(
        tiny_scenario,
        database=sqlite_platform,
        run_id="far",
        end_at=end_at + timedelta(days=9),
        state_file="far.json",
    )
    assert "no row is of the same device and time" in repr(synthlab.compare(base, far))


def test_other_devices_are_named(base: Artifact, tiny_text: str, sqlite_url: str, end_at: datetime) -> None:
    renamed = loads_scenario(tiny_text.replace("E2ETINYSTAT1", "E2EOTHER1"))
    other = synthlab.export_csv(
        renamed, database=f"{sqlite_url}.none", run_id="r3", end_at=end_at, state_file="o.json"
    )
    compared = synthlab.compare(base, other)
    assert (compared.only_a, compared.only_b) == (("E2ETINYSTAT1",), ("E2EOTHER1",))
    assert compared.most_different() == ["E2ETINYMOB1"]


def test_it_shows_itself_in_a_notebook(base: Artifact, warmer: Artifact) -> None:
    shown = synthlab.compare(base, warmer)._repr_html_()
    assert "tiny/r1 against tiny/r2" in shown
    assert 'src="data:image/png;base64,' in shown
    assert "target_daily_liters" in shown


def test_a_changed_csv_is_not_compared(base: Artifact, warmer: Artifact) -> None:
    warmer.csv_path.write_bytes(warmer.csv_path.read_bytes()[:-5])
    with pytest.raises(ArtifactError) as caught:
        synthlab.compare(base, warmer)
    assert caught.value.code == "CSV_HASH_MISMATCH"
