from __future__ import annotations

import importlib.util

import pytest

from synthlab.adapters import registry
from synthlab.adapters.registry import ADAPTERS, Adapter, load_adapter
from synthlab.errors import AdapterUnavailableError, UsageError


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_is_where_it_says(name: str) -> None:
    adapter = ADAPTERS[name]
    assert importlib.util.find_spec(adapter.module) is not None
    assert getattr(load_adapter(name), "__name__", None) == adapter.attribute


def test_adapters_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        ADAPTERS["broker.other"] = ADAPTERS["broker.amqtt"]  # type: ignore[index]


def test_an_unknown_adapter_is_a_bad_call() -> None:
    with pytest.raises(UsageError, match=r"name of an adapter, got 'nothing'\. One of broker\.amqtt"):
        load_adapter("nothing")


def test_a_missing_driver_is_a_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Adapter("no_such_driver_of_synthlab", "Thing", "live", "Thing 2")
    monkeypatch.setattr(registry, "ADAPTERS", {"thing": missing})
    with pytest.raises(AdapterUnavailableError) as caught:
        load_adapter("thing")
    assert caught.value.code == "ADAPTER_NOT_INSTALLED"
    assert str(caught.value) == (
        "thing: Thing 2 must be installed, got no module no_such_driver_of_synthlab."
        " Run: pip install 'synthlab[live]'."
    )


def test_a_module_of_our_own_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Adapter("synthlab.adapters.no_such_module", "Thing", "live", "Thing 2")
    monkeypatch.setattr(registry, "ADAPTERS", {"thing": missing})
    with pytest.raises(ModuleNotFoundError):
        load_adapter("thing")
