"""Publish telemetry as devices do: one connection and one open message each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.reasoncodes import ReasonCode

from synthlab.adapters.mqtt.link import PROTOCOL_NAMES, Link, LinkState
from synthlab.adapters.mqtt.loop import LinkLoop
from synthlab.errors import CredentialsError, Problem, ServiceUnavailableError, SynthlabError

# Source: reliability notes, "PUBACK missing for 2 x keepalive: reconnect".
PUBACK_TIMEOUT_KEEPALIVES = 2
# Assumed: long enough for 10,000 TLS handshakes at 250 a second.
CONNECT_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """The broker's word on one message.

    Attributes
    ----------
    client_id : str
    token : object
        What `Publisher.send` was given.
    is_accepted : bool
    reason : str
    """

    client_id: str
    token: Any
    is_accepted: bool
    reason: str


class Publisher(LinkLoop):
    """Many devices publishing over one loop, QoS 1, never retained.

    Each client id may have one message open; `send` says no to a second one, so
    that nothing piles up in here and messages keep their order.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tokens: dict[str, Any] = {}
        self._deliveries: list[Delivery] = []
        self._came_up: list[str] = []

    def connect(
        self,
        *,
        timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Bring every client up, or as many as the broker lets in.

        Parameters
        ----------
        timeout_seconds : float
            After it, who is up is enough. [seconds]
        should_stop : callable
            Asked in between; True ends the wait.

        Raises
        ------
        ServiceUnavailableError
            Code ``BROKER_UNAVAILABLE``: nobody answers.
        CredentialsError
            Code ``BROKER_REFUSED``: the broker answers, and lets no one in.
        """
        until = self._clock() + timeout_seconds
        while not should_stop():
            states = [link.state for link in self.links.values()]
            if all(state in (LinkState.UP, LinkState.FAILED) for state in states):
                break
            if self.protocol is None and any(
                link.failure_count and not link.is_undecided for link in self.links.values()
            ):
                break
            if self._clock() >= until:
                break
            self.poll(until - self._clock())
        if not should_stop() and self.connected_count == 0:
            raise self._no_connection()

    @property
    def connected_count(self) -> int:
        """How many clients are up."""
        return sum(link.state is LinkState.UP for link in self.links.values())

    @property
    def protocol_counts(self) -> dict[str, int]:
        """How many clients are up, by MQTT version."""
        counts: dict[str, int] = {}
        for link in self.links.values():
            if link.epoch:
                name = PROTOCOL_NAMES[link.protocol]
                counts[name] = counts.get(name, 0) + 1
        return counts

    def is_ready(self, client_id: str) -> bool:
        """Tell whether `send` would take a message of this client."""
        link = self.links[client_id]
        return link.state is LinkState.UP and link.in_flight_mid is None

    def has_failed(self, client_id: str) -> bool:
        """Tell whether this client will not come back."""
        return self.links[client_id].state is LinkState.FAILED

    def send(self, client_id: str, topic: str, payload: bytes, token: Any) -> bool:
        """Publish one message, unless one is open or the client is not up.

        Parameters
        ----------
        client_id, topic : str
        payload : bytes
        token : object
            Comes back in the `Delivery`.
        """
        link = self.links[client_id]
        if link.wire is None or not self.is_ready(client_id):
            return False
        link.sent_at = self._clock()
        self._tokens[client_id] = token
        # From here on paho has it, and sends it again after a reconnect.
        link.in_flight_mid = link.wire.publish(topic, payload, qos=1, retain=False).mid
        self._watch(link)
        return True

    def deliveries(self) -> list[Delivery]:
        """Return what the broker has answered since the last call."""
        found, self._deliveries = self._deliveries, []
        return found

    def came_up(self) -> list[str]:
        """Return the clients that the broker let in since the last call."""
        found, self._came_up = self._came_up, []
        return found

    def on_up(self, link: Link) -> None:
        """Note who can send again."""
        self._came_up.append(link.client_id)

    def on_puback(self, link: Link, mid: int, reason: ReasonCode) -> None:
        """Match an acknowledgement with the open message."""
        if mid != link.in_flight_mid:
            return
        link.in_flight_mid = None
        link.has_acknowledged = True
        is_accepted = not reason.is_failure
        token = self._tokens.pop(link.client_id)
        self._deliveries.append(Delivery(link.client_id, token, is_accepted, str(reason)))

    def on_tick(self, link: Link, now: float) -> None:
        """Break a connection on which an answer is overdue; paho sends again on the next."""
        limit = PUBACK_TIMEOUT_KEEPALIVES * self.keepalive_seconds
        waits_since = max(link.sent_at, link.since)
        if link.in_flight_mid is not None and now - waits_since > limit and link.sock is not None:
            with suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)

    def _no_connection(self) -> SynthlabError:
        problems = [link.problem for link in self.links.values() if link.problem is not None]
        refused = [problem for problem in problems if problem.code != "BROKER_UNAVAILABLE"]
        if refused:
            return CredentialsError(refused)
        address = self.address.display_url
        first = problems[0] if problems else None
        return ServiceUnavailableError(
            Problem(
                "BROKER_UNAVAILABLE",
                f"broker must answer at {address}",
                value=first.value if first else "no answer in time",
                remedy="Start the broker, or give another address"
                " by the scenario's mqtt block or SYNTHLAB_BROKER_URL",
            )
        )
