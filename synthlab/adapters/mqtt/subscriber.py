"""Receive messages, and acknowledge each when it is safe."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from synthlab.adapters.mqtt.link import Link, LinkState
from synthlab.adapters.mqtt.loop import LinkLoop
from synthlab.errors import CredentialsError, Problem, ServiceUnavailableError

SUBSCRIBE_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Received:
    """One message from the broker."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool
    mid: int
    epoch: int


class Subscriber(LinkLoop):
    """One client on one topic filter, QoS 1.

    A message stays the broker's until `acknowledge`: after a lost connection it
    comes again, so what is stored before it is acknowledged is never lost.
    """

    def __init__(self, address: Any, client_id: str, topic_filter: str, **kwargs: Any) -> None:
        super().__init__(address, [client_id], **kwargs)
        self._topic_filter = topic_filter
        self._link = self.links[client_id]
        self._inbox: deque[Received] = deque()
        self.is_subscribed = False
        self._refusal: Problem | None = None

    def connect(self, *, timeout_seconds: float = SUBSCRIBE_TIMEOUT_SECONDS) -> None:
        """Wait until the broker has confirmed the subscription.

        Raises
        ------
        ServiceUnavailableError
            Code ``BROKER_UNAVAILABLE``.
        CredentialsError
            Code ``BROKER_REFUSED``.
        """
        until = self._clock() + timeout_seconds
        while not self.is_subscribed:
            if self._refusal is not None:
                raise CredentialsError(self._refusal)
            if self._link.state is LinkState.FAILED and self._link.problem is not None:
                raise CredentialsError(self._link.problem)
            if self._clock() >= until or self._link.failure_count:
                problem = self._link.problem
                raise ServiceUnavailableError(
                    Problem(
                        "BROKER_UNAVAILABLE",
                        f"broker must answer at {self.address.display_url}",
                        value=problem.value if problem else "no answer in time",
                        remedy="Start the broker, or give another address",
                    )
                )
            self.poll(until - self._clock())

    def take(self, limit: int) -> list[Received]:
        """Return up to `limit` messages that have come, oldest first."""
        return [self._inbox.popleft() for _ in range(min(limit, len(self._inbox)))]

    def acknowledge(self, messages: list[Received]) -> None:
        """Tell the broker that these need not come again."""
        wire = self._link.wire
        if wire is None or self._link.state is not LinkState.UP:
            return
        for message in messages:
            # An id of an older session may mean another message by now.
            if message.qos and message.epoch == self._link.epoch:
                wire.ack(message.mid, message.qos)
        self._watch(self._link)

    def on_up(self, link: Link) -> None:
        """Subscribe again with every session: the broker may have forgotten."""
        if link.wire is not None:
            link.wire.subscribe(self._topic_filter, qos=1)

    def on_suback(self, link: Link, reasons: list[ReasonCode]) -> None:
        """Take the answer to the subscription."""
        if reasons and reasons[0].is_failure:
            self._refusal = Problem(
                "BROKER_REFUSED",
                "must be allowed to subscribe",
                path=self._topic_filter,
                value=str(reasons[0]),
                remedy="Check the broker's access rules for this user",
            )
        else:
            self.is_subscribed = True

    def on_message(self, link: Link, message: MQTTMessage) -> None:
        """Keep a message until it is taken."""
        self.received_count += 1
        self._inbox.append(
            Received(
                topic=message.topic,
                payload=bytes(message.payload),
                qos=message.qos,
                is_retained=message.retain,
                mid=message.mid,
                epoch=link.epoch,
            )
        )
