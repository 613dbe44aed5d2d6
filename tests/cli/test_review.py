"""review and compare on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli

END_LATER = "2026-02-13T10:00:00Z"


def test_review_writes_the_page_and_says_where(cli: Cli, artifact_dir: Path) -> None:
    ended = cli("review", "--artifact-dir", artifact_dir)
    assert ended.exit_code == 0
    assert ended.json["path"] == "artifacts/tiny/r1/report.html"
    assert (ended.json["qc_passed"], ended.json["decision"]) == (True, "none")
    assert [device["rank"] for device in ended.json["devices"]] == [1, 2]
    assert "report.html: QC passed, 2 devices, 0 findings, decision: none." in ended.stderr
    assert (artifact_dir / "report.html").read_text().startswith("<!doctype html>")
    gone = cli("review", "--artifact-dir", "artifacts/tiny/none")
    assert (gone.exit_code, gone.json["error"]["code"]) == (5, "ARTIFACT_NOT_FOUND")


def test_compare_tells_and_draws(cli: Cli, tiny: tuple[str, str], artifact_dir: Path) -> None:
    before = sorted(path for path in Path().rglob("*") if path.is_file())
    same = cli("compare", "--artifact-dir", artifact_dir, "--other-dir", artifact_dir)
    assert (same.exit_code, same.json["is_identical"]) == (0, True)
    assert sorted(path for path in Path().rglob("*") if path.is_file()) == before
    assert cli(*tiny, "export-csv", "--run-id", "r2", "--end-at", END_LATER).exit_code == 0
    other = Path("artifacts/tiny/r2")
    ended = cli("compare", "--artifact-dir", artifact_dir, "--other-dir", other, "--plot", "apart.png")
    assert ended.exit_code == 0
    assert (ended.json["a"]["run_id"], ended.json["b"]["run_id"]) == ("r1", "r2")
    assert ended.json["scenario_changes"] == []
    assert Path("apart.png").read_bytes().startswith(b"\x89PNG")
    lost = cli("compare", "--artifact-dir", artifact_dir, "--other-dir", other, "--plot", "apart.png/a.png")
    assert (lost.exit_code, lost.json["error"]["code"]) == (12, "DISK_WRITE_FAILED")
