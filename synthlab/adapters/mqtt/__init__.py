"""MQTT over paho: addresses, certificates, a publisher and a subscriber.

paho is imported when a publisher or subscriber is first asked for, so that an
address can be checked without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from synthlab.adapters.mqtt.address import BrokerAddress, broker_password
from synthlab.adapters.mqtt.tls import TlsFiles, missing_files, tls_contexts

if TYPE_CHECKING:
    from synthlab.adapters.mqtt.publisher import Delivery, Publisher
    from synthlab.adapters.mqtt.subscriber import Received, Subscriber

_HOMES = {
    "Delivery": "synthlab.adapters.mqtt.publisher",
    "Publisher": "synthlab.adapters.mqtt.publisher",
    "Received": "synthlab.adapters.mqtt.subscriber",
    "Subscriber": "synthlab.adapters.mqtt.subscriber",
}

__all__ = [
    "BrokerAddress",
    "Delivery",
    "Publisher",
    "Received",
    "Subscriber",
    "TlsFiles",
    "broker_password",
    "missing_files",
    "tls_contexts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
