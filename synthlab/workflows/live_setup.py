"""What a live run needs before its first message: a broker, certificates, signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synthlab.errors import CredentialsError, Problem

if TYPE_CHECKING:
    import ssl

    from synthlab.adapters.mqtt import BrokerAddress, TlsFiles
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

    from synthlab.adapters.mqtt import broker_password

    address = _address_without_password(scenario, broker)
    if address is None or address is broker:
        return address
    return replace(address, password=address.password or broker_password())


def _address_without_password(scenario: Scenario, broker: str | BrokerAddress | None) -> BrokerAddress | None:
    from synthlab.adapters.mqtt import BrokerAddress
    from synthlab.adapters.mqtt.address import PORT_PLAIN

    if isinstance(broker, BrokerAddress):
        return broker
    mqtt = scenario.mqtt
    url = os.environ.get("SYNTHLAB_BROKER_URL")
    if broker is not None:
        return BrokerAddress.parse(broker)
    if mqtt.host:
        return BrokerAddress(mqtt.host, mqtt.port, is_tls=mqtt.port != PORT_PLAIN)
    if url:
        return BrokerAddress.parse(url, name="SYNTHLAB_BROKER_URL", allow_password=True)
    return None


def credential_findings(scenario: Scenario, device_ids: list[str]) -> dict[str, list[Problem]]:
    """Return which certificates a run would miss, by device id.  Reads only.

    A file that is named and not there is an error.  Where TLS needs a certificate and
    none is named, that is a warning: the machine that runs may name one.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: ``SYNTHLAB_BROKER_URL`` is no broker's address.
    """
    from dataclasses import replace

    from synthlab.adapters.mqtt import missing_files

    address = _address_without_password(scenario, None)
    is_tls = address is not None and address.is_tls
    files = _files_of(scenario, is_tls=is_tls)
    need_cert = is_tls and address is not None and address.username is None
    found = missing_files(files, device_ids, need_cert=need_cert)
    if files.cert_path is not None or files.key_path is not None:
        return found
    return {
        device_id: [
            replace(problem, severity="warning") if problem.path.startswith("mqtt.") else problem
            for problem in problems
        ]
        for device_id, problems in found.items()
    }


def _files_of(scenario: Scenario, *, is_tls: bool) -> TlsFiles:
    """Return the files that must be there: without TLS only what the scenario names."""
    from synthlab.adapters.mqtt import TlsFiles

    return TlsFiles.find(
        cert_path=scenario.mqtt.cert_path,
        key_path=scenario.mqtt.key_path,
        environment=os.environ if is_tls else {},
    )


def tls_contexts_of(
    scenario: Scenario, address: BrokerAddress | None, device_ids: list[str]
) -> Mapping[str, ssl.SSLContext]:
    """Return the TLS context of each device; none for a plain connection.

    Raises
    ------
    CredentialsError
        Code ``MQTT_CREDENTIALS_MISSING``. A file that the scenario names must be there
        even for a plain connection: who names it means to show who they are.
    """
    from synthlab.adapters.mqtt import missing_files, tls_contexts

    if address is None or not address.is_tls:
        found = missing_files(_files_of(scenario, is_tls=False), device_ids, need_cert=False)
        if found:
            raise CredentialsError(unique_problems(found))
        return {}
    files = _files_of(scenario, is_tls=True)
    # Who logs in by name needs no certificate; who does not has nothing else to show.
    return tls_contexts(files, device_ids, need_cert=address.username is None)


def unique_problems(found: Mapping[str, list[Problem]]) -> list[Problem]:
    """Return every problem once: devices that share a file miss the same one."""
    return list(dict.fromkeys(problem for problems in found.values() for problem in problems))


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
