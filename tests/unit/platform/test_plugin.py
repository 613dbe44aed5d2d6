from __future__ import annotations

from pathlib import Path

import pytest

from synthlab.errors import AdapterUnavailableError, UsageError
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.plugin import VARIABLE, load_ingest


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_plugin_it_is_the_reference(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    assert load_ingest() is ingest_device_telemetry_from_mqtt


def test_a_plugged_in_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real_platform.py").write_text(
        "class Api:\n    ingest = staticmethod(lambda s, **k: 'stored:X')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(VARIABLE, "real_platform:Api.ingest")
    assert load_ingest()(None) == "stored:X"


@pytest.mark.parametrize(
    "value",
    ["os", "os.path.join", ":join", "os.path:", "os.path:join()", "os path:x", "os:..", "../x:y", "os:ſ x"],
)
def test_the_form_is_checked(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError) as caught:
        load_ingest()
    assert caught.value.code == "BAD_ARGUMENT"
    assert str(caught.value) == (
        f"SYNTHLAB_INGEST: needs the form package.module:function, got {value!r}. "
        "Write it as package.module:function."
    )


@pytest.mark.parametrize(
    ("value", "rule"), [("os.path:nothing", "os.path has no 'nothing'"), ("os.path:sep", "needs a function")]
)
def test_it_has_to_be_a_function(monkeypatch: pytest.MonkeyPatch, value: str, rule: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError) as caught:
        load_ingest()
    assert caught.value.problems[0].rule == rule


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "no_such_platform.ingestion:ingest")
    with pytest.raises(AdapterUnavailableError) as caught:
        load_ingest()
    assert (caught.value.code, caught.value.exit_code) == ("ADAPTER_NOT_INSTALLED", 2)
    assert "cannot import 'no_such_platform'" in str(caught.value)
