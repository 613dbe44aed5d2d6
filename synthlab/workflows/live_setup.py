"""What a live run needs before its first message: a broker, certificates, signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from synthlab.adapters.mqtt import BrokerAddress
    from synthlab.scenario.schema import Scenario


def broker_address(scenario: Scenario, broker: str | BrokerAddress | None) -> BrokerAddress | None:
    """Return the broker that a run would use; None where it would start one.

    Parameters
    ----------
    scenario : Scenario
        Its ``mqtt.host`` means TLS, unless ``mqtt.port`` is 1883, where brokers speak
        plain MQTT by convention.
    broker : str, BrokerAddress or None
        Comes before the scenario.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    CredentialsError
        Code ``MQTT_CREDENTIALS_MISSING``: the password's file cannot be read.
    """
    from dataclasses import replace

    from synthlab.adapters.mqtt import BrokerAddress, broker_password
    from synthlab.adapters.mqtt.address import PORT_PLAIN

    if isinstance(broker, BrokerAddress):
        return broker
    mqtt = scenario.mqtt
    url = os.environ.get("SYNTHLAB_BROKER_URL")
    if broker is not None:
        address = BrokerAddress.parse(broker)
    elif mqtt is not None and mqtt.host:
        address = BrokerAddress(mqtt.host, mqtt.port, is_tls=mqtt.port != PORT_PLAIN)
    elif url:
        address = BrokerAddress.parse(url, name="SYNTHLAB_BROKER_URL", allow_password=True)
    else:
        return None
    return replace(address, password=address.password or broker_password())


def tls_contexts_of(
    scenario: Scenario, address: BrokerAddress | None, device_ids: list[str]
) -> Mapping[str, ssl.SSLContext]:
    """Return the TLS context of each device; none for a plain connection.

    Raises
    ------
    CredentialsError
        Code ``MQTT_CREDENTIALS_MISSING``.
    """
    from synthlab.adapters.mqtt import TlsFiles, tls_contexts

    if address is None or not address.is_tls:
        return {}
    mqtt = scenario.mqtt
    files = TlsFiles.find(
        cert_path=mqtt.cert_path if mqtt else None, key_path=mqtt.key_path if mqtt else None
    )
    # Who logs in by name needs no certificate; who does not has nothing else to show.
    return tls_contexts(files, device_ids, need_cert=address.username is None)


@contextmanager
def stop_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the run well; the second acts as it would."""
    # Python delivers signals to the main thread, and only it may ask for them.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, _frame: object) -> None:
        restore()
        stop(signal.Signals(number).name)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
