"""Open a TCP or TLS connection without blocking, a step at a time."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from typing import Any

from synthlab.adapters.mqtt.address import BrokerAddress

# Assumed: how long an address stays good. Asking for each of a thousand clients would
# take longer than connecting.
RESOLVED_SECONDS = 30.0

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Resolver:
    """The broker's network addresses, asked for again after a while or a failure."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._found: list[Any] = []
        self._found_at = float("-inf")
        self._turn = 0

    def next_target(self, now: float) -> Any:
        """Return one address, as `socket.getaddrinfo` gives it.

        Raises
        ------
        OSError
            The name is not known.
        """
        if now - self._found_at > RESOLVED_SECONDS:
            self._found = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
            self._found_at = now
        return self._found[self._turn % len(self._found)]

    def failed(self) -> None:
        """Use another address next time: a name may have more than one."""
        self._turn += 1


class Dial:
    """One attempt: TCP first, then the TLS handshake.

    Attributes
    ----------
    sock : socket.socket
    interest : int
        The selector events to wait for before `advance`.
    """

    def __init__(self, target: Any, context: ssl.SSLContext | None, *, host: str) -> None:
        family, kind, proto, _, peer = target
        self._context = context
        self._host = host
        self.interest = _WRITE
        self.sock: socket.socket = socket.socket(family, kind, proto)
        self.sock.setblocking(False)
        code = self.sock.connect_ex(peer)
        if code not in (0, errno.EINPROGRESS):
            self.sock.close()
            raise OSError(code, os.strerror(code))

    def advance(self) -> bool:
        """Go on as far as possible; True when the connection stands.

        Raises
        ------
        OSError
            Nobody answers, or `ssl.SSLError`: one side does not accept the other.
        """
        if not isinstance(self.sock, ssl.SSLSocket):
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                return True
            self.sock = self._context.wrap_socket(
                self.sock, server_hostname=self._host, do_handshake_on_connect=False
            )
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self.interest = _READ
            return False
        except ssl.SSLWantWriteError:
            self.interest = _READ | _WRITE
            return False
        return True
