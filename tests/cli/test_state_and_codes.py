"""The state commands, and the exit codes that no other test of the command line comes to."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from tests.cli.conftest import END_AT, Cli

STATE = Path(".tmp/synthetic_sim_seq_state.json")


def test_state_show_recover_and_release(cli: Cli, artifact_dir: Path) -> None:
    shown = cli("state", "show")
    assert (shown.exit_code, shown.json["command"]) == (0, "state show")
    assert shown.json["next_seq"] == {"E2ETINYMOB1": 50, "E2ETINYSTAT1": 50}
    assert shown.stderr.splitlines()[0].split("  ")[0] == "device"
    assert "E2ETINYSTAT1  0         50        49        0     –" in shown.stderr
    released = cli("state", "release", "--run-id", "r1")
    assert (released.exit_code, released.json["command"]) == (0, "state release")
    assert released.json["released"]["E2ETINYSTAT1"] == {"first_seq": 1, "last_seq": 49}
    STATE.write_bytes(STATE.read_bytes()[:-1])
    assert cli("state", "show").exit_code == 9
    recovered = cli("state", "recover", "--from-db", "--margin", "100")
    assert (recovered.exit_code, recovered.json["command"]) == (0, "state recover")
    assert recovered.json["recovered_from"] == "previous"
    assert recovered.json["devices"]["E2ETINYSTAT1"] == {"platform_last_seq": 0, "next_seq": 101}
    assert cli("state", "show").json["state"]["target"]["label"] == "sqlite:///.synthlab/platform.db"


def test_of_a_run_name_used_twice_only_what_was_never_imported_is_given_up(
    cli: Cli, tiny: tuple[str, str], artifact_dir: Path
) -> None:
    assert cli("import-csv", "--artifact-dir", artifact_dir, "--apply").exit_code == 0
    refused = cli("state", "release", "--run-id", "r1")
    assert (refused.exit_code, "may be on the platform" in refused.stderr) == (2, True)
    artifact_dir.rename(artifact_dir.with_name("r1-imported"))
    later = cli(*tiny, "export-csv", "--run-id", "r1", "--end-at", "2026-02-13T10:00:00Z")
    assert later.exit_code == 0
    released = cli("state", "release", "--run-id", "r1").json["released"]
    assert released["E2ETINYSTAT1"] == {"first_seq": 50, "last_seq": 98}
    assert cli("state", "release", "--run-id", "r1").exit_code == 2
    assert cli("state", "show").json["next_seq"]["E2ETINYSTAT1"] == 99


def test_state_commands_say_what_they_need(cli: Cli, scratch: Path) -> None:
    for arguments, text_of in {
        ("state", "recover"): "Add --from-db",
        ("state", "release"): "Give --run-id RUN, or --target",
        ("state", "release", "--run-id", "r9"): "nothing is reserved for this run",
    }.items():
        ended = cli(*arguments)
        assert (ended.exit_code, ended.json["command"]) == (2, " ".join(arguments[:2]))
        assert text_of in ended.stderr
    assert cli("state", "recover", "--from-db").exit_code == 4
    assert not STATE.exists()


def test_other_data_under_the_same_numbers_is_exit_7(cli: Cli, tiny_text: str, artifact_dir: Path) -> None:
    assert cli("import-csv", "--artifact-dir", artifact_dir, "--apply").exit_code == 0
    Path("other.yaml").write_text(tiny_text.replace("seed: 7", "seed: 8"))
    options = ("--state-file", "other.json")
    exported = cli(*options, "--scenario", "other.yaml", "export-csv", "--run-id", "r2", "--end-at", END_AT)
    assert exported.exit_code == 0
    ended = cli(*options, "import-csv", "--artifact-dir", "artifacts/tiny/r2", "--apply")
    assert (ended.exit_code, ended.json["error"]["code"]) == (7, "SEQ_CONFLICT")


def test_a_device_that_is_not_synthetic_is_exit_11(
    cli: Cli, tiny: tuple[str, str], provisioned: None
) -> None:
    engine = create_engine("sqlite:///.synthlab/platform.db")
    with engine.begin() as connection:
        connection.execute(text("UPDATE devices SET is_synthetic = false"))
    engine.dispose()
    ended = cli(*tiny, "provision")
    assert (ended.exit_code, ended.json["error"]["code"]) == (11, "SAFETY_GUARD")
