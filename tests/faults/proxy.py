"""A TCP proxy before PostgreSQL that cuts the line around COMMIT: before it arrives, or its answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Literal

Cut = Literal["before", "after"] | None
# The whole statement, and the tag of its answer; "ON COMMIT DELETE ROWS" is none.
_COMMIT = b"COMMIT\x00"


class CuttingProxy:
    """Listens on loopback; asks `plan` at each COMMIT what shall become of it.

    Attributes
    ----------
    cuts : list of str
        What was cut, in order: the faults that fired.
    """

    def __init__(self, server: str, plan: Callable[[int], Cut]) -> None:
        self._server = server
        self._plan = plan
        self._commits = 0
        self._lock = threading.Lock()
        self.cuts: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Carry one connection, a request at a time: the driver waits for each answer."""
        is_held, has_answered = threading.Event(), threading.Event()
        answers = threading.Thread(
            target=_carry_back, args=(client, server, is_held, has_answered), daemon=True
        )
        answers.start()
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                cut = self._next_cut() if _COMMIT in data else None
                if cut == "before":
                    break
                if cut == "after":
                    is_held.set()
                    server.sendall(data)
                    # The server says that it has committed, and nobody gets to know.
                    has_answered.wait(30)
                    break
                server.sendall(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        answers.join(10)
        client.close()
        server.close()

    def _next_cut(self) -> Cut:
        with self._lock:
            self._commits += 1
            cut = self._plan(self._commits)
            if cut is not None:
                self.cuts.append(cut)
            return cut


def _carry_back(
    client: socket.socket, server: socket.socket, is_held: threading.Event, has_answered: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(1 << 16):
            if not is_held.is_set():
                client.sendall(data)
            elif _COMMIT in data:
                has_answered.set()
