"""Where a broker is, as a URL without its secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

from synthlab.errors import CredentialsError, Problem, UsageError, show_value

# Source: IANA service names `mqtt` and `secure-mqtt`.
PORT_PLAIN = 1883
PORT_TLS = 8883

_SCHEMES = {"mqtt": PORT_PLAIN, "mqtts": PORT_TLS}
_FORM = "Write mqtt://[user@]host[:port], or mqtts:// for TLS"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host, port and scheme.

    Attributes
    ----------
    host : str
    port : int
    is_tls : bool
        True for ``mqtts://``.
    username : str or None
    password : str or None
        Never shown.
    is_mqtt_311 : bool
        True where it is known that the broker does not speak MQTT 5.
    """

    host: str
    port: int
    is_tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    is_mqtt_311: bool = False

    @classmethod
    def parse(cls, url: str, *, name: str = "broker", allow_password: bool = False) -> Self:
        """Read ``mqtt://user@host:1883`` or ``mqtts://host``.

        Parameters
        ----------
        url : str
        name : str
            What the error calls it.
        allow_password : bool
            For a URL from the environment; in an argument others would see it.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``.
        """
        parts = _split(url, name)
        if parts.password is not None and not allow_password:
            # The value is not shown: it holds the secret.
            raise _bad(name, "must not hold a password", None, "Set SYNTHLAB_BROKER_PASSWORD_FILE instead")
        try:
            port = parts.port or _SCHEMES[parts.scheme]
        except ValueError:
            raise _bad(name, "needs a port of 1..65535", _shown(parts), _FORM) from None
        return cls(
            host=parts.hostname or "",
            port=port,
            is_tls=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    @property
    def display_url(self) -> str:
        """The address without the password."""
        scheme = "mqtts" if self.is_tls else "mqtt"
        user = f"{quote(self.username, safe='')}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}:{self.port}"

    def __str__(self) -> str:
        return self.display_url


def broker_password(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the broker's password from the environment, or from the file that it names.

    Raises
    ------
    CredentialsError
        Code ``MQTT_CREDENTIALS_MISSING``: the file cannot be read.
    """
    path = environment.get("SYNTHLAB_BROKER_PASSWORD_FILE")
    if not path:
        return environment.get("SYNTHLAB_BROKER_PASSWORD") or None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise CredentialsError(
            Problem(
                "MQTT_CREDENTIALS_MISSING",
                "needs a readable text file",
                path="SYNTHLAB_BROKER_PASSWORD_FILE",
                value=show_value(path),
                remedy="Name a file that holds nothing but the password",
            )
        ) from None


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except (ValueError, AttributeError):
        raise _bad(name, "needs a broker URL", None, _FORM) from None
    if parts.scheme not in _SCHEMES:
        raise _bad(name, "needs the scheme mqtt or mqtts", show_value(parts.scheme), _FORM)
    if not host or any(not letter.isprintable() or letter.isspace() for letter in host):
        raise _bad(name, "needs a host", _shown(parts), _FORM)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _bad(name, "must end after the port", _shown(parts), _FORM)
    return parts


def _shown(parts: SplitResult) -> str:
    # Whatever stands before the @ may be a secret.
    return show_value(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _bad(name: str, rule: str, value: str | None, remedy: str) -> UsageError:
    return UsageError(Problem("BAD_ARGUMENT", rule, path=name, value=value, remedy=remedy))
