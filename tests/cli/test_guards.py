"""Guards of every command: dry verbs write nothing, secrets are never shown, rows are capped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, make_url, text

import synthlab
from synthlab import errors
from tests.cli.conftest import END_AT, Cli

# Opens for writing, and whatever else changes a disk; said by the interpreter itself, and by SQLite's
# own connections, which it does not see.
TRACER = """
import os, sqlite3, sys
seen = []
CHANGING = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate",
            "os.chmod", "os.utime", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp"}
def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        is_writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if is_writing and path != os.devnull and "__pycache__" not in str(path):
            seen.append(f"open {path}")
    elif event in CHANGING and "__pycache__" not in str(arguments[0]):
        seen.append(f"{event} {arguments[0]}")
    elif event == "sqlite3.connect" and "mode=ro" not in str(arguments[0]):
        seen.append(f"sqlite3 {arguments[0]}")
sys.dont_write_bytecode = True
sys.addaudithook(hook)
from synthlab.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    for line in seen:
        print("WROTE", line, file=sys.stderr)
    raise
"""

DRY = {
    "validate": ("--scenario", "tiny.yaml", "validate"),
    "dry-run": ("--scenario", "tiny.yaml", "dry-run", "--preview-steps", "3"),
    "import-csv": ("import-csv", "--artifact-dir", "artifacts/tiny/r1"),
    "schema": ("schema",),
    "state show": ("state", "show"),
    "verify": ("verify", "--artifact-dir", "artifacts/tiny/r1", "--regenerate"),
    "compare": ("compare", "--artifact-dir", "artifacts/tiny/r1", "--other-dir", "artifacts/tiny/r1"),
    "fit": ("fit", "--from", "meter.csv"),
}


@pytest.fixture
def meter(scratch: Path) -> None:
    """Four weeks of a household's meter, for `fit`."""
    hours = pd.date_range("2026-01-05", periods=28 * 24, freq="h", tz="UTC")
    liters = 5.0 + 20.0 * (hours.hour % 12 == 7) + hours.day_of_week
    frame = pd.DataFrame({"household": "H1", "time": hours.strftime("%Y-%m-%d %H:%M:%S"), "liters": liters})
    frame.to_csv(scratch / "meter.csv", index=False)


def run(*arguments: str, trace: bool = False, **settings: str) -> subprocess.CompletedProcess[str]:
    start = ["-c", TRACER] if trace else ["-m", "synthlab"]
    environment = {**os.environ, **settings, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("command", DRY)
def test_a_dry_verb_opens_nothing_for_writing(
    artifact_dir: Path, meter: None, scratch: Path, command: str
) -> None:
    before = files(scratch)
    done = run(*DRY[command], trace=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("WROTE")] == []
    assert files(scratch) == before


def test_the_trace_sees_a_verb_that_writes(artifact_dir: Path) -> None:
    done = run("import-csv", "--artifact-dir", str(artifact_dir), "--apply", trace=True)
    assert done.returncode == 0, done.stderr
    wrote = [line for line in done.stderr.splitlines() if line.startswith("WROTE")]
    assert any("import_result.json" in line for line in wrote)
    assert any("synthetic_sim_seq_state.json" in line for line in wrote)
    assert any("sqlite3" in line for line in wrote)


@pytest.fixture
def reader_url(postgres_url: str, tiny_scenario: synthlab.Scenario) -> str:
    """A PostgreSQL platform, as a role sees it that may only read."""
    synthlab.provision(tiny_scenario, database=postgres_url)
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    role = f"reader_{make_url(postgres_url).database}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    engine.dispose()
    return make_url(postgres_url).set(username=role).render_as_string(hide_password=False)


def test_dry_verbs_need_no_more_than_a_reading_role(
    reader_url: str, tiny_scenario: synthlab.Scenario, scratch: Path
) -> None:
    assert synthlab.validate(tiny_scenario, database=reader_url).passed
    assert len(synthlab.preview(tiny_scenario, database=reader_url, steps=2).frame) == 4
    assert len(synthlab.reservoirs(database=reader_url)) == 2
    artifact = synthlab.export_csv(tiny_scenario, database=reader_url, run_id="r1", end_at=END_AT)
    looked = synthlab.import_csv(artifact.directory, database=reader_url)
    assert looked.status_counts == {"dry_run:READY": 98}
    with pytest.raises(errors.SynthlabError):
        synthlab.import_csv(artifact.directory, database=reader_url, apply=True)


CANARY = "canary-3f9c-word"


@pytest.fixture
def secret_sources(scratch: Path) -> dict[str, Callable[[int], dict[str, str]]]:
    """Every place that a password may come from, aimed at a port where nobody listens."""
    (scratch / "secret").mkdir()

    def kept(name: str, content: str) -> str:
        path = scratch / "secret" / name
        path.write_text(content)
        path.chmod(0o600)
        return str(path)

    return {
        "URL in the environment": lambda port: {
            "SYNTHLAB_DATABASE_URL": f"postgresql://u:{CANARY}@127.0.0.1:{port}/d",
            "SYNTHLAB_BROKER_URL": f"mqtt://u:{CANARY}@127.0.0.1:{port}",
        },
        "URL in a file": lambda port: {
            "SYNTHLAB_DATABASE_URL_FILE": kept("url", f"postgresql://u:{CANARY}@127.0.0.1:{port}/d\n"),
            "SYNTHLAB_BROKER_URL": f"mqtt://u@127.0.0.1:{port}",
            "SYNTHLAB_BROKER_PASSWORD_FILE": kept("broker", CANARY),
        },
        "libpq": lambda port: {
            "SYNTHLAB_DATABASE_URL": f"postgresql://u@127.0.0.1:{port}/d",
            "PGPASSWORD": CANARY,
            "SYNTHLAB_BROKER_URL": f"mqtt://u@127.0.0.1:{port}",
            "SYNTHLAB_BROKER_PASSWORD": CANARY,
        },
        "libpq's file": lambda port: {
            "SYNTHLAB_DATABASE_URL": f"postgresql://u@127.0.0.1:{port}/d",
            "PGPASSFILE": kept("pgpass", f"*:*:*:*:{CANARY}\n"),
        },
        "URL that is none": lambda port: {
            "SYNTHLAB_DATABASE_URL": f"postgresql://u:{CANARY}@x@@[{port}/d",
            "SYNTHLAB_BROKER_URL": f"mqtt://u:{CANARY}@[x{port}",
        },
        "other kind of URL": lambda port: {
            "SYNTHLAB_DATABASE_URL": f"mysql://u:{CANARY}@127.0.0.1:{port}/d",
            "SYNTHLAB_BROKER_URL": f"amqp://u:{CANARY}@127.0.0.1:{port}",
        },
        "key files": lambda port: {
            "SYNTHLAB_MQTT_CERT_PATH": kept("cert.pem", CANARY),
            "SYNTHLAB_MQTT_KEY_PATH": kept("key.pem", CANARY),
            "SYNTHLAB_BROKER_URL": f"mqtts://127.0.0.1:{port}",
        },
    }


COMMANDS = {
    **DRY,
    "export-csv": ("--scenario", "tiny.yaml", "export-csv", "--run-id", "r2", "--end-at", END_AT),
    "bootstrap": ("--scenario", "tiny.yaml", "bootstrap", "--end-at", END_AT),
    "run": ("--scenario", "tiny.yaml", "run", "--iterations", "1"),
    "provision": ("--scenario", "tiny.yaml", "provision"),
    "import-csv --apply": ("import-csv", "--artifact-dir", "artifacts/tiny/r1", "--apply"),
    "analyze-csv": ("analyze-csv", "--artifact-dir", "artifacts/tiny/r1"),
    "approve": ("approve", "--artifact-dir", "artifacts/tiny/r1", "--reviewer", "Ada"),
    "state recover": ("state", "recover", "--from-db"),
    "review": ("review", "--artifact-dir", "artifacts/tiny/r1"),
    "consume": ("consume", "--once"),
    "purge": ("purge", "--run-id", "r1"),
    "fit of nothing": ("fit", "--from", "nothing.csv"),
}


# These ask no server: one source of secrets shows what all would.
LOCAL = {"schema", "verify", "compare", "fit", "fit of nothing", "review", "analyze-csv", "approve"}


def test_no_secret_is_ever_seen(
    cli: Cli,
    artifact_dir: Path,
    meter: None,
    scratch: Path,
    secret_sources: dict[str, Callable[[int], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
) -> None:
    failed = 0
    for source, settings in secret_sources.items():
        for name, arguments in COMMANDS.items():
            if name in LOCAL and source != next(iter(secret_sources)):
                continue
            with monkeypatch.context() as patch:
                patch.setenv("SYNTHLAB_DEBUG", "1")
                for key, value in settings(closed_port).items():
                    patch.setenv(key, value)
                ended = cli(*arguments)
            failed += ended.exit_code != 0
            assert ended.exit_code != 1, (source, name, ended.stderr)
            assert CANARY not in ended.stdout + ended.stderr, (source, name)
    # Failure paths above all: there a driver quotes what it was given.
    assert failed > len(secret_sources)
    for path, (_, content) in files(scratch).items():
        assert CANARY.encode() not in content or path.startswith("secret/"), path


def test_a_secret_in_the_scenario_is_refused_and_not_repeated(
    cli: Cli, tiny_text: str, scratch: Path
) -> None:
    for line in (f"password: {CANARY}", f"host: mqtt://u:{CANARY}@h", f"api_key: {CANARY}"):
        (scratch / "s.yaml").write_text(f"{tiny_text}mqtt:\n  {line}\n")
        ended = cli("--scenario", "s.yaml", "validate")
        assert ended.exit_code == 3
        assert CANARY not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["tank\x1b[2J", "tank\u202eknat", "ta\x00nk", "\u0131"])
def test_control_characters_of_ids_are_shown_escaped(
    cli: Cli, tiny_text: str, scratch: Path, name: str
) -> None:
    quoted = json.dumps(name)
    for broken in (
        tiny_text.replace("E2ETINYSTAT1", quoted),
        tiny_text.replace("stationary_archetype_a", quoted),
        tiny_text.replace("    route_id: LOOP", f"    route_id: {quoted}"),
        f"{tiny_text}{quoted}: 1\n",
    ):
        (scratch / "s.yaml").write_text(broken)
        ended = cli("--scenario", "s.yaml", "validate")
        assert ended.exit_code == 3
        assert (ended.stdout + ended.stderr).replace("\n", "").isprintable()


def test_a_folder_that_cannot_be_written_is_the_disk(
    cli: Cli, tiny: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody makes a file in /proc, root included.
    for url in ("sqlite:////proc/platform.db", "sqlite:////proc/folder/platform.db"):
        monkeypatch.setenv("SYNTHLAB_DATABASE_URL", url)
        ended = cli(*tiny, "provision")
        assert (ended.exit_code, ended.json["error"]["code"]) == (12, "DISK_WRITE_FAILED")


def test_more_rows_than_allowed_are_refused_before_anything_is_made(
    cli: Cli, tiny: tuple[str, str], provisioned: None, scratch: Path
) -> None:
    shown = cli(*tiny, "validate")
    assert shown.json["projected_rows"] == 98
    assert "the history has 98 rows" in shown.stderr
    before = files(scratch)
    for command in ("export-csv", "bootstrap"):
        ended = cli(*tiny, command, "--end-at", END_AT, "--max-rows", "97")
        assert (ended.exit_code, ended.json["error"]["code"]) == (3, "SCENARIO_TOO_LARGE")
        assert "98 rows of 2 devices" in ended.stderr
    assert cli(*tiny, "dry-run", "--preview-steps", "25000001").exit_code == 3
    assert files(scratch) == before
    assert cli(*tiny, "export-csv", "--end-at", END_AT, "--max-rows", "98").exit_code == 0


def test_every_exit_code_of_the_table_is_one_of_the_errors() -> None:
    page = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")
    listed = {
        int(code)
        for line in page.splitlines()
        if line.startswith("| ") and line[2].isdigit()
        for code in line.split("|")[1].split(",")
    }
    kinds = errors.SynthlabError.__subclasses__()
    assert listed == {0, 1, 130, 143} | {kind.exit_code for kind in kinds}
