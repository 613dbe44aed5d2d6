"""The third-party drivers, by name, imported when they are asked for.

Importing synthlab costs nothing this way, and a driver that is not installed is a
sentence with the command that installs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

from synthlab.errors import AdapterUnavailableError, Problem, UsageError


class EmbeddedBroker(Protocol):
    """A broker that is started for one run, on the loopback interface."""

    def start(self) -> str:
        """Start it, and return its URL once it takes connections."""

    def stop(self) -> None:
        """End it; harmless where it has ended already."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Where a driver's home is, and what it needs.

    Attributes
    ----------
    module, attribute : str
    extra : str
        The extra of the package that brings it.
    needs : str
        What is to be installed, for people.
    """

    module: str
    attribute: str
    extra: str
    needs: str


ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        "broker.amqtt": Adapter("synthlab.adapters.broker", "AmqttBroker", "live", "amqtt"),
        "broker.mosquitto": Adapter("synthlab.adapters.broker", "MosquittoBroker", "live", "mosquitto"),
        "database": Adapter("synthlab.adapters.database", "open_database", "platform", "SQLAlchemy"),
        "mqtt.publisher": Adapter("synthlab.adapters.mqtt.publisher", "Publisher", "live", "paho-mqtt"),
        "mqtt.subscriber": Adapter("synthlab.adapters.mqtt.subscriber", "Subscriber", "live", "paho-mqtt"),
    }
)
"""Every driver; a driver more is an entry more."""


def load_adapter(name: str) -> Any:
    """Import an adapter's class or function.

    Parameters
    ----------
    name : str
        A key of `ADAPTERS`.

    Raises
    ------
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``, with the command that installs it.
    UsageError
        Code ``BAD_ARGUMENT``: no such adapter.
    """
    adapter = ADAPTERS.get(name)
    if adapter is None:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs the name of an adapter",
                path="adapter",
                value=repr(name),
                remedy=f"One of {', '.join(ADAPTERS)}",
            )
        )
    try:
        return getattr(import_module(adapter.module), adapter.attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "synthlab":
            raise
        raise AdapterUnavailableError(
            Problem(
                "ADAPTER_NOT_INSTALLED",
                f"{adapter.needs} must be installed",
                path=name,
                value=f"no module {error.name}",
                remedy=f"Run: pip install 'synthlab[{adapter.extra}]'",
            )
        ) from error
