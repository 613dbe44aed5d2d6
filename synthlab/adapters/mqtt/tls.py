"""Certificates for MQTT: found, read, and turned into a TLS context."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthlab.errors import CredentialsError, Problem, show_value

_REMEDY = (
    "Set mqtt.cert_path and mqtt.key_path in the scenario,"
    " or SYNTHLAB_MQTT_CERT_PATH and SYNTHLAB_MQTT_KEY_PATH"
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files.

    Attributes
    ----------
    cert_path, key_path : Path or None
        The client's certificate and key, both or neither. ``{device_id}`` in them
        stands for each device's id.
    ca_path : Path or None
        Who signed the broker's certificate; the system's authorities where None.
    """

    cert_path: Path | None = None
    key_path: Path | None = None
    ca_path: Path | None = None

    @classmethod
    def find(
        cls,
        *,
        cert_path: str | Path | None = None,
        key_path: str | Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> TlsFiles:
        """Take the scenario's paths, else those of ``SYNTHLAB_MQTT_*_PATH``."""

        def pick(given: str | Path | None, name: str) -> Path | None:
            text = str(given) if given else environment.get(name, "")
            return Path(text).expanduser() if text else None

        return cls(
            cert_path=pick(cert_path, "SYNTHLAB_MQTT_CERT_PATH"),
            key_path=pick(key_path, "SYNTHLAB_MQTT_KEY_PATH"),
            ca_path=pick(None, "SYNTHLAB_MQTT_CA_PATH"),
        )

    def for_device(self, device_id: str) -> TlsFiles:
        """Return the paths with ``{device_id}`` filled in."""

        def fill(path: Path | None) -> Path | None:
            return None if path is None else Path(str(path).replace("{device_id}", device_id))

        return TlsFiles(fill(self.cert_path), fill(self.key_path), self.ca_path)


class WatchedSocket(ssl.SSLSocket):
    """A TLS socket that remembers why it broke.

    With TLS 1.3 a broker refuses a certificate after the handshake, and paho turns
    that alert into "connection lost"; without it one would try again forever.
    """

    failure: ssl.SSLError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as `ssl.SSLSocket` does."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.failure = error
            raise


def tls_contexts(files: TlsFiles, client_ids: Any, *, need_cert: bool) -> dict[str, ssl.SSLContext]:
    """Return a context for each client, shared where the files are the same.

    Parameters
    ----------
    files : TlsFiles
    client_ids : iterable of str
    need_cert : bool
        Whether a client without a certificate is an error.

    Raises
    ------
    CredentialsError
        Code ``MQTT_CREDENTIALS_MISSING``, with every file that is missing or unusable.
    """
    made: dict[TlsFiles, ssl.SSLContext] = {}
    problems: list[Problem] = []
    contexts = {}
    for client_id in client_ids:
        own = files.for_device(client_id)
        if own not in made:
            found = _missing(own, need_cert=need_cert)
            try:
                made[own] = ssl.create_default_context() if found else _context(own)
            except (ssl.SSLError, OSError, ValueError) as error:
                found = [_unusable(own, error)]
                made[own] = ssl.create_default_context()
            problems += found
        contexts[client_id] = made[own]
    if problems:
        raise CredentialsError(problems)
    return contexts


def missing_files(files: TlsFiles, client_ids: Iterable[str], *, need_cert: bool) -> dict[str, list[Problem]]:
    """Return what is not there, of each client that lacks something.  Reads only."""
    found = {
        client_id: _missing(files.for_device(client_id), need_cert=need_cert) for client_id in client_ids
    }
    return {client_id: problems for client_id, problems in found.items() if problems}


def _missing(files: TlsFiles, *, need_cert: bool) -> list[Problem]:
    wanted = {"mqtt.cert_path": files.cert_path, "mqtt.key_path": files.key_path}
    if not need_cert and files.cert_path is None and files.key_path is None:
        wanted = {}
    if files.ca_path is not None:
        wanted["SYNTHLAB_MQTT_CA_PATH"] = files.ca_path
    return [
        Problem(
            "MQTT_CREDENTIALS_MISSING",
            "MQTT cert/key not found",
            path=name,
            value="nothing" if path is None else show_value(str(path), limit=200),
            remedy=_REMEDY,
        )
        for name, path in wanted.items()
        if path is None or not path.is_file()
    ]


def _context(files: TlsFiles) -> ssl.SSLContext:
    # Checks the host's name and its chain; there is no switch that turns it off.
    context = ssl.create_default_context(cafile=files.ca_path)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = WatchedSocket
    if files.cert_path is not None and files.key_path is not None:
        # An encrypted key would make OpenSSL ask on the terminal.
        context.load_cert_chain(files.cert_path, files.key_path, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _unusable(files: TlsFiles, error: Exception) -> Problem:
    reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
    return Problem(
        "MQTT_CREDENTIALS_MISSING",
        "MQTT cert/key not usable: needs a PEM certificate and the key that fits it, not encrypted",
        path="mqtt.cert_path",
        value=f"{show_value(str(files.cert_path), limit=200)} ({reason.replace('_', ' ').lower()})",
        remedy=_REMEDY,
    )
