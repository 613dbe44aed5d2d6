"""One client's connection to a broker, without a thread and without blocking.

The socket is opened, shaken hands on and watched by `loop.LinkLoop`; paho speaks
MQTT over it.  A link that loses its broker comes back with full-jitter backoff,
and one that the broker does not want stays away.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from synthlab.adapters.mqtt.dial import Dial
from synthlab.errors import Problem

if TYPE_CHECKING:
    from synthlab.adapters.mqtt.loop import LinkLoop

MQTT_5 = MQTTProtocolVersion.MQTTv5
MQTT_311 = MQTTProtocolVersion.MQTTv311
PROTOCOL_NAMES = {MQTT_5: "5.0", MQTT_311: "3.1.1"}

# Source: platform contract, section 1.
KEEPALIVE_SECONDS = 60
# Source: issue of the live stream, "session expiry 1 h".
SESSION_EXPIRY_SECONDS = 3_600

# Source: MQTT 5.0, table 2.4: trying again with the same identity cannot help.
_FINAL_REASONS = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C, 0x95, 0x9A, 0x9B, 0x9C, 0x9D})
_UNSUPPORTED_VERSION = 0x84


class LinkState(Enum):
    """How far a connection is."""

    WAITING = "waiting"
    OPENING = "opening"
    GREETING = "greeting"
    UP = "up"
    FAILED = "failed"
    CLOSED = "closed"


class Wire(paho.Client):
    """paho's client over a socket that is connected already.

    paho opens its socket itself, and blocks meanwhile: with a thousand devices and
    one loop, a broker that does not answer would stop them all.
    """

    prepared: socket.socket | None = None

    def _create_socket(self) -> socket.socket:
        if self.prepared is None:
            raise ConnectionError("no socket was prepared")
        prepared, self.prepared = self.prepared, None
        return prepared


@dataclass(eq=False)
class Link:
    """The state of one connection; `loop.LinkLoop` moves it.

    Attributes
    ----------
    client_id : str
    context : ssl.SSLContext or None
        None for a plain connection.
    problem : Problem or None
        Why it is not up, where known.
    in_flight_mid : int or None
        The message that the broker has not acknowledged.
    epoch : int
        Counts the sessions; what came in an older one cannot be answered any more.
    """

    client_id: str
    context: ssl.SSLContext | None = None
    state: LinkState = LinkState.WAITING
    problem: Problem | None = None
    protocol: MQTTProtocolVersion = MQTT_5
    wire: Wire | None = None
    sock: socket.socket | None = None
    wants_write: bool = False
    since: float = 0.0
    failure_count: int = 0
    silent_close_count: int = 0
    short_session_count: int = 0
    epoch: int = 0
    in_flight_mid: int | None = None
    sent_at: float = 0.0
    has_acknowledged: bool = False
    dial: Dial | None = None
    answer: ReasonCode | None = None
    tls_failure: ssl.SSLError | None = None
    _wire_protocol: MQTTProtocolVersion | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether TLS was shaken hands on and then hung up on: refused, or chance."""
        return self.context is not None and self.silent_close_count > 0

    def greet(self, loop: LinkLoop) -> None:
        """Hand the open socket to paho and send CONNECT."""
        if self.wire is None or self._wire_protocol != self.protocol:
            self.wire = make_wire(self, loop)
            self._wire_protocol = self.protocol
        self.wire.prepared = self.sock
        self.wire.reconnect()

    def disconnect(self) -> None:
        """Say goodbye, and let the broker forget the session."""
        if self.wire is None or self.state is not LinkState.UP:
            return
        properties = None
        if self.protocol == MQTT_5:
            properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        self.wire.disconnect(properties=properties)


def make_wire(link: Link, loop: LinkLoop) -> Wire:
    """Make the paho client of a link; nothing is sent yet."""
    is_v5 = link.protocol == MQTT_5
    wire = Wire(
        CallbackAPIVersion.VERSION2,
        client_id=link.client_id,
        # A 3.1.1 session cannot expire, so none is left behind there.
        clean_session=None if is_v5 else True,
        protocol=link.protocol,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    if loop.address.username:
        wire.username_pw_set(loop.address.username, loop.address.password)
    properties = None
    if is_v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_SECONDS
        properties.ReceiveMaximum = loop.receive_maximum
    wire.on_connect = lambda _c, _u, _flags, reason, _p: loop.on_connack(link, reason)
    wire.on_publish = lambda _c, _u, mid, reason, _p: loop.on_puback(link, mid, reason)
    wire.on_message = lambda _c, _u, message: loop.on_message(link, message)
    wire.on_subscribe = lambda _c, _u, _mid, reasons, _p: loop.on_suback(link, reasons)
    wire.on_socket_close = lambda _c, _u, sock: loop.on_socket_close(link, sock)
    wire.connect_async(
        loop.address.host, loop.address.port, keepalive=loop.keepalive_seconds, properties=properties
    )
    return wire


def is_version_refusal(reason: ReasonCode) -> bool:
    """Tell whether the broker does not speak this version of MQTT."""
    return bool(reason.value == _UNSUPPORTED_VERSION)


def refusal(link: Link, reason: ReasonCode) -> Problem:
    """Describe what the broker said no to."""
    return Problem(
        "BROKER_REFUSED",
        "must be let in by the broker",
        path=link.client_id,
        value=str(reason),
        remedy="Check the user, the certificate and the broker's access rules for this client id",
    )


def is_final(reason: ReasonCode) -> bool:
    """Tell whether asking again would get the same answer."""
    return reason.value in _FINAL_REASONS


def contested(link: Link) -> Problem:
    """Describe two clients that throw each other out."""
    return Problem(
        "CLIENT_ID_CONTESTED",
        "must be the only client with its id: the broker keeps ending the session after seconds",
        path=link.client_id,
        remedy="Stop the other run or device that uses this device_id",
    )


def tls_refusal(link: Link, error: ssl.SSLError) -> Problem:
    """Describe a certificate that one of the two sides does not accept."""
    if isinstance(error, ssl.SSLCertVerificationError):
        rule, detail = "must have a broker certificate that can be trusted", error.verify_message
        remedy = "Set SYNTHLAB_MQTT_CA_PATH to who signed it, and use the host name that it is for"
    else:
        rule, detail = "must be accepted by the broker's TLS", error.reason
        remedy = "Check the client's certificate and key, and that the port speaks TLS"
    value = str(detail or error).replace("_", " ").lower()
    return Problem("BROKER_REFUSED", rule, path=link.client_id, value=value, remedy=remedy)


def hung_up(link: Link) -> Problem:
    """Describe a broker that ends every connection right after the TLS handshake."""
    # TLS 1.3 judges a client's certificate after the client's side of the handshake, and the
    # alert is lost where the reset that follows it is quicker.
    return Problem(
        "BROKER_REFUSED",
        "must be let in by the broker",
        path=link.client_id,
        value="closed right after the TLS handshake",
        remedy="Check the client's certificate and key, and that the port speaks MQTT",
    )


def unanswered(link: Link, error: OSError | str) -> Problem:
    """Describe a broker that could not be reached."""
    text = error if isinstance(error, str) else error.strerror or type(error).__name__
    return Problem(
        "BROKER_UNAVAILABLE",
        "broker must answer",
        path=link.client_id,
        value=text.lower(),
        remedy="Start the broker, or give another address"
        " by the scenario's mqtt block or SYNTHLAB_BROKER_URL",
    )
