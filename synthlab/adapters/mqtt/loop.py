"""One selector loop over many MQTT connections.

paho's own loops take a thread for each client, or `select`, which ends at about 340;
one epoll over paho's sockets held 10,000.  Everything here happens inside
`LinkLoop.poll`, in the thread that calls it; only `wake` is for other threads.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from synthlab.adapters.mqtt.address import BrokerAddress
from synthlab.adapters.mqtt.dial import Dial, Resolver
from synthlab.adapters.mqtt.link import (
    KEEPALIVE_SECONDS,
    MQTT_5,
    MQTT_311,
    Link,
    LinkState,
    Wire,
    contested,
    hung_up,
    is_final,
    is_version_refusal,
    refusal,
    tls_refusal,
    unanswered,
)
from synthlab.errors import Problem

# Assumed: below mosquitto's listen backlog of 100.
MAX_OPENING = 64
# Assumed: a broker in reach answers in less.
OPEN_TIMEOUT_SECONDS = 10.0
# Source: reliability notes, "backoff random(0, min(60 s, 2^n s)), reset after 30 s up".
MAX_BACKOFF_SECONDS = 60.0
STEADY_SECONDS = 30.0
# Assumed: a session that the broker ends this soon, this often in a row, has a rival.
SHORT_SESSION_SECONDS = 5.0
MAX_SHORT_SESSIONS = 5
MAX_SILENT_CLOSES = 3
TICK_SECONDS = 1.0
# Assumed: who does not answer CONNECT in this time is waiting for the rest of a 3.1.1 one.
VERSION_TIMEOUT_SECONDS = 3.0

_OPEN = (LinkState.OPENING, LinkState.GREETING)
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class LinkLoop:
    """Keeps connections up and moves their bytes; a publisher or subscriber builds on it.

    Parameters
    ----------
    address : BrokerAddress
    client_ids : iterable of str
    contexts : mapping of str to ssl.SSLContext, optional
        By client, for TLS.
    keepalive_seconds : int
        [seconds]
    clock : callable
        Monotonic time. [seconds]
    rng : callable
        Uniform in [0, 1), for the backoff.
    """

    receive_maximum = 1_000

    def __init__(
        self,
        address: BrokerAddress,
        client_ids: Any,
        *,
        contexts: Mapping[str, ssl.SSLContext] | None = None,
        keepalive_seconds: int = KEEPALIVE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.address = address
        self.keepalive_seconds = keepalive_seconds
        self.protocol: MQTTProtocolVersion | None = MQTT_311 if address.is_mqtt_311 else None
        self.links = {name: Link(name, (contexts or {}).get(name)) for name in client_ids}
        self._clock = clock
        self._rng = rng
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = socket.socketpair()
        for end in (self._wake_out, self._wake_in):
            end.setblocking(False)
        self._selector.register(self._wake_out, _READ, None)
        self._resolver = Resolver(address)
        self._waiting: list[tuple[float, int, Link]] = []
        self._order = 0
        self.received_count = 0
        self.failed_count = 0
        self._opening_count = 0
        self._is_closing = False
        self._next_tick = clock() + TICK_SECONDS
        # The first one finds out which MQTT the broker speaks; the others follow it.
        first, *self._held = self.links.values()
        self._wait(first, clock())

    # -- for whoever owns the loop

    def wake(self) -> None:
        """Make a running or the next `poll` return soon. For any thread and signal handler."""
        # A full pipe means that it is awake already.
        with suppress(BlockingIOError, OSError):
            self._wake_in.send(b"\0")

    def poll(self, timeout_seconds: float) -> None:
        """Move what can be moved, waiting for it at most so many seconds."""
        now = self._clock()
        if not self._is_closing:
            self._open_due(now)
        wait = max(0.0, min(timeout_seconds, self._next_event(now) - now))
        for key, mask in self._selector.select(wait):
            if key.data is None:
                self._drain_wake()
            else:
                self._serve(key.data, mask)
        now = self._clock()
        if now >= self._next_tick:
            self._next_tick = now + TICK_SECONDS
            self._tick(now)

    def close(self, *, timeout_seconds: float = 2.0) -> None:
        """Say goodbye on every connection that is up, and free the sockets.

        Parameters
        ----------
        timeout_seconds : float
            How long to wait for the goodbyes to leave. [seconds]
        """
        self._is_closing = True
        for link in self.links.values():
            link.disconnect()
            self._watch(link)
        until = self._clock() + timeout_seconds
        while any(link.wants_write for link in self.links.values()) and self._clock() < until:
            self.poll(until - self._clock())
        for link in self.links.values():
            self._drop(link)
            link.state = LinkState.CLOSED
        self._selector.close()
        self._wake_out.close()
        self._wake_in.close()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why links that will not come back failed."""
        failed = (link for link in self.links.values() if link.state is LinkState.FAILED)
        return tuple(link.problem for link in failed if link.problem is not None)

    # -- hooks

    def on_up(self, link: Link) -> None:
        """Go on after the broker let a client in."""

    def on_puback(self, link: Link, mid: int, reason: ReasonCode) -> None:
        """Take an acknowledgement."""

    def on_message(self, link: Link, message: MQTTMessage) -> None:
        """Take a message."""

    def on_suback(self, link: Link, reasons: list[ReasonCode]) -> None:
        """Take the answer to a subscription."""

    def on_tick(self, link: Link, now: float) -> None:
        """Look after a link that is up, once a second."""

    # -- called by paho through the link

    def on_connack(self, link: Link, reason: ReasonCode) -> None:
        """Take the broker's answer to CONNECT."""
        link.answer = reason
        if not reason.is_failure:
            self._opening_count -= 1
            link.state, link.problem, link.since = LinkState.UP, None, self._clock()
            link.silent_close_count = 0
            link.epoch += 1
            self.protocol = link.protocol
            self._release()
            self.on_up(link)

    def on_socket_close(self, link: Link, sock: Any) -> None:
        """Forget a socket that paho is about to close."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(sock)
        # paho closes the socket before last too, when it is given a new one.
        if sock is link.sock:
            link.tls_failure = getattr(sock, "failure", None)
            link.sock = None

    # -- opening

    def _wait(self, link: Link, due_at: float) -> None:
        link.state = LinkState.WAITING
        self._order += 1
        heapq.heappush(self._waiting, (due_at, self._order, link))

    def _release(self) -> None:
        held, self._held = self._held, []
        for link in held:
            self._wait(link, self._clock())

    def _open_due(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now and self._opening_count < MAX_OPENING:
            self._open(heapq.heappop(self._waiting)[2], now)

    def _open(self, link: Link, now: float) -> None:
        self._opening_count += 1
        link.state, link.since = LinkState.OPENING, now
        link.protocol = self.protocol or link.protocol
        try:
            link.dial = Dial(self._resolver.next_target(now), link.context, host=self.address.host)
        except OSError as error:
            self._lost(link, unanswered(link, error))
            return
        link.sock = link.dial.sock
        self._selector.register(link.sock, link.dial.interest, link)

    def _go_on_opening(self, link: Link, dial: Dial) -> None:
        # Under TLS the step may put another socket in the place of this one.
        self._selector.unregister(dial.sock)
        try:
            is_ready = dial.advance()
        except OSError as error:
            link.sock = dial.sock
            self._opening_failed(link, error)
            return
        link.sock = dial.sock
        if is_ready:
            self._greet(link)
        else:
            self._selector.register(dial.sock, dial.interest, link)

    def _opening_failed(self, link: Link, error: OSError) -> None:
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            self._lost_silently(link, unanswered(link, error))
        elif isinstance(error, ssl.SSLError):
            self._fail(link, tls_refusal(link, error))
        else:
            self._resolver.failed()
            self._lost(link, unanswered(link, error))

    def _greet(self, link: Link) -> None:
        link.state, link.dial = LinkState.GREETING, None
        link.answer, link.tls_failure = None, None
        link.greet(self)
        if link.sock is not None:
            link.wants_write = False
            self._selector.register(link.sock, _READ, link)
        self._watch(link)

    def _serve(self, link: Link, mask: int) -> None:
        if link.dial is not None:
            self._go_on_opening(link, link.dial)
        elif link.wire is not None:
            if mask & _WRITE:
                link.wire.loop_write()
            if mask & _READ:
                self._read(link, link.wire)
            self._watch(link)

    def _read(self, link: Link, wire: Wire) -> None:
        # One call of paho reads one packet. What TLS has decrypted already does not show
        # on the socket, and a subscriber has many waiting.
        for _ in range(self.receive_maximum):
            seen = self.received_count
            wire.loop_read()
            has_rest = isinstance(link.sock, ssl.SSLSocket) and link.sock.pending()
            if link.sock is None or not (has_rest or self.received_count > seen):
                break

    # -- watching and losing

    def _watch(self, link: Link) -> None:
        """Ask for what the link waits for, or notice that it is gone."""
        if link.wire is None or link.state not in (LinkState.GREETING, LinkState.UP):
            return
        if link.sock is None:
            self._ended(link)
            return
        wants_write = link.wire.want_write()
        if wants_write != link.wants_write:
            link.wants_write = wants_write
            self._selector.modify(link.sock, _READ | _WRITE if wants_write else _READ, link)

    def _ended(self, link: Link) -> None:
        if link.state is LinkState.UP:
            self._session_ended(link)
        elif link.tls_failure is not None:
            self._fail(link, tls_refusal(link, link.tls_failure))
        elif link.answer is not None:
            self._refused(link, link.answer)
        elif link.protocol == MQTT_5 and self.protocol is None:
            # An old broker may hang up on a version that it does not know.
            self._downgrade(link)
        else:
            self._lost_silently(link, unanswered(link, "connection closed before it answered"))

    def _refused(self, link: Link, answer: ReasonCode) -> None:
        if is_version_refusal(answer) and link.protocol == MQTT_5:
            self._downgrade(link)
        elif is_final(answer):
            self._fail(link, refusal(link, answer))
        else:
            self._lost(link, refusal(link, answer))

    def _session_ended(self, link: Link) -> None:
        if self._is_closing:
            link.state = LinkState.CLOSED
            return
        now = self._clock()
        lasted = now - link.since
        link.short_session_count = link.short_session_count + 1 if lasted < SHORT_SESSION_SECONDS else 0
        if lasted >= STEADY_SECONDS and link.has_acknowledged:
            link.failure_count = 0
        link.has_acknowledged = False
        if link.short_session_count >= MAX_SHORT_SESSIONS:
            self._fail(link, contested(link))
        else:
            link.problem = unanswered(link, "connection lost")
            self._back_off(link, now)

    def _downgrade(self, link: Link) -> None:
        self._drop(link)
        self._opening_count -= 1
        link.protocol = MQTT_311
        self._wait(link, self._clock())

    def _lost_silently(self, link: Link, problem: Problem) -> None:
        link.silent_close_count += 1
        if link.silent_close_count >= MAX_SILENT_CLOSES and link.epoch == 0:
            self._fail(link, problem if link.context is None else hung_up(link))
        else:
            if link.epoch == 0 and self.protocol is None:
                link.protocol = MQTT_5
            self._lost(link, problem)

    def _lost(self, link: Link, problem: Problem) -> None:
        self._opening_count -= 1
        # A broker that is away is no rival with the same id.
        link.short_session_count = 0
        link.problem = problem
        self._back_off(link, self._clock())

    def _back_off(self, link: Link, now: float) -> None:
        self._drop(link)
        delay = self._rng() * min(MAX_BACKOFF_SECONDS, 2.0**link.failure_count)
        link.failure_count = min(link.failure_count + 1, 16)
        self._wait(link, now + delay)

    def _fail(self, link: Link, problem: Problem) -> None:
        if link.state in _OPEN:
            self._opening_count -= 1
        self._drop(link)
        link.state, link.problem = LinkState.FAILED, problem
        self.failed_count += 1
        self._release()

    def _drop(self, link: Link) -> None:
        sock, link.sock, link.dial, link.wants_write = link.sock, None, None, False
        if sock is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(sock)
            sock.close()

    # -- time

    def _next_event(self, now: float) -> float:
        if self._waiting and self._opening_count < MAX_OPENING:
            return min(self._next_tick, max(now, self._waiting[0][0]))
        return self._next_tick

    def _tick(self, now: float) -> None:
        for link in list(self.links.values()):
            if self._is_puzzled(link, now):
                self._downgrade(link)
            elif link.state in _OPEN and now - link.since > OPEN_TIMEOUT_SECONDS:
                self._lost(link, unanswered(link, "no answer in time"))
            elif link.state is LinkState.UP and link.wire is not None:
                link.wire.loop_misc()
                self.on_tick(link, now)
                self._watch(link)

    def _is_puzzled(self, link: Link, now: float) -> bool:
        return (
            link.state is LinkState.GREETING
            and link.protocol == MQTT_5
            and self.protocol is None
            and now - link.since > VERSION_TIMEOUT_SECONDS
        )

    def _drain_wake(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_out.recv(4_096):
                continue
