"""Brokers for tests, and an observer that shares no code with the package."""

from __future__ import annotations

import datetime as dt
import getpass
import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from synthlab.adapters.broker import MosquittoBroker, find_mosquitto
from synthlab.adapters.mqtt import BrokerAddress

TIMEOUT_SECONDS = 120.0

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

PLAIN = """\
listener {port} {host}
persistence false
user USER
set_tcp_nodelay true
log_dest stderr
""".replace("USER", getpass.getuser())
OPEN = PLAIN + "allow_anonymous true\n"


@contextmanager
def mosquitto(config: str = OPEN, *, port: int | None = None) -> Iterator[BrokerAddress]:
    """Run mosquitto with a configuration of its own."""
    broker = MosquittoBroker(config=config, port=port)
    try:
        yield BrokerAddress.parse(broker.start())
    finally:
        broker.stop()


@dataclass(frozen=True)
class Seen:
    topic: str
    payload: bytes
    qos: int
    is_retained: bool


class Observer:
    """An independent subscriber: paho's own loop in paho's own thread."""

    def __init__(self, address: BrokerAddress, topic: str = "#") -> None:
        self.messages: list[Seen] = []
        self._changed = threading.Condition()
        self._is_subscribed = threading.Event()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="observer", protocol=paho.MQTTv311
        )
        self._client.on_connect = lambda client, *_rest: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_rest: self._is_subscribed.set()
        self._client.on_message = self._note
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self._is_subscribed.wait(TIMEOUT_SECONDS)

    def _note(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(Seen(message.topic, message.payload, message.qos, bool(message.retain)))
            self._changed.notify_all()

    def wait_for(self, is_enough: Callable[[list[Seen]], bool]) -> list[Seen]:
        with self._changed:
            assert self._changed.wait_for(lambda: is_enough(self.messages), TIMEOUT_SECONDS), self.messages
            return list(self.messages)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Authority:
    """A certificate authority that lives in a folder."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True
        ).add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self.path = _write(folder / "ca.pem", builder.sign(self._key, hashes.SHA256()))

    def issue(self, common_name: str, *, host: str | None = None) -> tuple[Path, Path]:
        """Return the certificate and the key of a client, or of the server at `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(subject, self._name, key)
        if host is not None:
            try:
                name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                name = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if host else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        certificate = _write(self._folder / f"{common_name}.crt", builder.sign(self._key, hashes.SHA256()))
        key_path = self._folder / f"{common_name}.key"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key_path

    def mosquitto_config(self, *, host: str = "127.0.0.1") -> str:
        """Return a configuration that wants a client certificate and takes its name as the user."""
        certificate, key = self.issue("broker", host=host)
        return PLAIN + (
            f"cafile {self.path}\ncertfile {certificate}\nkeyfile {key}\n"
            "require_certificate true\nuse_identity_as_username true\n"
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


def _write(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
