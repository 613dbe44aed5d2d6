"""Ids of what a message leaves, made of its key alone.

A replay after a crash leaves the very same rows, and two writers of one message meet
on its id.  An id is a UUID of version 8 (RFC 9562): it begins with the sequence number,
so that what comes one after the other lies side by side in an index.  With ids in no
order every insert touches a page of its own, and a batch writes four times as much.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_PREFIX_BYTES = 6
_PREFIX_MASK = 2 ** (8 * _PREFIX_BYTES) - 1
_HASH_BYTES = 16 - _PREFIX_BYTES
_READING, _POINT, _EVENT = 1, 2, 3
_HEX = "0123456789abcdef"

# Where each byte's two digits stand in the text, between the hyphens.
_PLACES = np.array([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34])
_DIGITS = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), "u1").reshape(256, 2)


def message_id(client_id: str, seq: int) -> uuid.UUID:
    """Return the id of a message."""
    return uuid.UUID(_texts(_digest(client_id.encode(), seq), np.array([seq]))[0])


def reading_id(of_message: uuid.UUID) -> uuid.UUID:
    """Return the id of a message's reading."""
    return uuid.UUID(int=of_message.int ^ _READING)


def point_id(of_message: uuid.UUID) -> uuid.UUID:
    """Return the id of a message's location point."""
    return uuid.UUID(int=of_message.int ^ _POINT)


def event_id(of_message: uuid.UUID) -> uuid.UUID:
    """Return the id of the event that a message raises."""
    return uuid.UUID(int=of_message.int ^ _EVENT)


def message_ids(client_ids: Sequence[str], seqs: npt.NDArray[np.int64]) -> list[str]:
    """Return the ids of many messages as texts: the same as `message_id`, one by one.

    Parameters
    ----------
    client_ids : sequence of str
        Of each message.
    seqs : ndarray of int64
    """
    names = {name: name.encode() for name in set(client_ids)}
    pairs = zip(client_ids, seqs.tolist(), strict=True)
    return _texts(b"".join([_digest(names[name], seq) for name, seq in pairs]), seqs)


def _flipped(kind: int) -> dict[str, str]:
    return {digit: _HEX[int(digit, 16) ^ kind] for digit in _HEX}


_FLIPS = {kind: _flipped(kind) for kind in (_READING, _POINT, _EVENT)}


def reading_ids(of_messages: Sequence[str]) -> list[str]:
    """Return the ids of many messages' readings as texts."""
    return _siblings(of_messages, _READING)


def point_ids(of_messages: Sequence[str]) -> list[str]:
    """Return the ids of many messages' location points as texts."""
    return _siblings(of_messages, _POINT)


def event_ids(of_messages: Sequence[str]) -> list[str]:
    """Return the ids of many messages' events as texts."""
    return _siblings(of_messages, _EVENT)


def _siblings(texts: Sequence[str], kind: int) -> list[str]:
    flip = _FLIPS[kind]
    return [text[:-1] + flip[text[-1]] for text in texts]


def _digest(name: bytes, seq: int) -> bytes:
    return hashlib.sha1(b"%s/%d" % (name, seq), usedforsecurity=False).digest()[:_HASH_BYTES]


def _texts(digests: bytes, seqs: npt.NDArray[np.int64]) -> list[str]:
    """Put numbers and hashes together to UUIDs of version 8, as texts."""
    count = len(seqs)
    data = np.empty((count, 16), "u1")
    prefixes = (seqs & _PREFIX_MASK).astype(">u8")
    data[:, :_PREFIX_BYTES] = prefixes.view("u1").reshape(count, 8)[:, 8 - _PREFIX_BYTES :]
    data[:, _PREFIX_BYTES:] = np.frombuffer(digests, "u1").reshape(count, _HASH_BYTES)
    data[:, 6] = data[:, 6] & 0x0F | 0x80
    data[:, 8] = data[:, 8] & 0x3F | 0x80
    text: npt.NDArray[Any] = np.full((count, 36), ord("-"), "u1")
    digits = _DIGITS.take(data, axis=0)
    text[:, _PLACES] = digits[:, :, 0]
    text[:, _PLACES + 1] = digits[:, :, 1]
    return text.view("S36").ravel().astype("U36").tolist()
