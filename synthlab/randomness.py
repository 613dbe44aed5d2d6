"""Draws as pure functions of (seed, device, process, absolute second, slot).

A stream is a 64-bit key, hashed from seed, device and process.  A tick is a
64-bit word, hashed from an absolute second and a slot, and is the same for all
streams, so it is computed once for a whole fleet.  A draw mixes the two.  There
is no state: any draw can be had without the ones before it, so windows may be
split, devices added and work spread over threads without changing a byte.

Notes
-----
The mixer is the finalizer of splitmix64, Stafford's variant 13 [1]_.  The tick is
mixed before it meets the key: with one round only, streams would be shifted
copies of one another.  ``numpy.random.Generator`` is not used, because numpy does
not promise its streams between versions.

References
----------
.. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
   generators", OOPSLA 2014. DOI: 10.1145/2660193.2660195

Examples
--------
>>> key = stream_key(42, "TANK-1", "demand")
>>> word = draws(ticks([0, 3600]), key)
>>> uniforms(word).round(3).tolist() == uniforms(draws(ticks([0, 3600]), key)).round(3).tolist()
True
"""

from __future__ import annotations

import hashlib
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

# Source: [1], 2^64 divided by the golden ratio, odd.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# Source: D. Stafford's variant 13 of the MurmurHash3 finalizer.
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)

# Assumed: no process needs more than 2^16 draws at one moment.
_SLOT_BITS = np.uint64(16)

# 512 cells an octave of tail probability: linear interpolation errs by < 1e-6 sigma.
_CELL_BITS = 9
_CELL_SHIFT = np.uint32(23 - _CELL_BITS)
_CELL_MASK = np.uint32((1 << (23 - _CELL_BITS)) - 1)
_OCTAVES = 32
_SIGN_BIT = np.uint32(1 << 31)


def stream_key(seed: int, device_id: str, process: str) -> np.uint64:
    """Hash a stream's identity to its key.

    Parameters
    ----------
    seed : int
    device_id : str
    process : str
        What the draws are for; two processes never share draws.

    Returns
    -------
    uint64
    """
    text = f"{seed}\x1f{device_id}\x1f{process}".encode()
    return np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little"))


def stream_keys(seed: int, device_ids: list[str] | tuple[str, ...], process: str) -> U64:
    """Return the keys of one process for many devices."""
    before, after, hashed = f"{seed}\x1f".encode(), f"\x1f{process}".encode(), hashlib.blake2b
    parts = [hashed(before + device_id.encode() + after, digest_size=8).digest() for device_id in device_ids]
    return np.frombuffer(b"".join(parts), dtype="<u8").astype(np.uint64)


def mix(words: U64) -> U64:
    """Scramble 64-bit words so that each input bit changes half of the output bits."""
    words = words ^ (words >> _SHIFT_1)
    words *= _MULTIPLIER_1
    words ^= words >> _SHIFT_2
    words *= _MULTIPLIER_2
    words ^= words >> _SHIFT_3
    return words


def ticks(seconds: npt.ArrayLike, slots: npt.ArrayLike = 0) -> U64:
    """Hash moments and slots; computed once for all streams.

    Parameters
    ----------
    seconds : array_like of int
        Unix time, not negative. [seconds]
    slots : array_like of int
        0 .. 65535, broadcast against `seconds`.
    """
    second = np.asarray(seconds, dtype=np.int64).astype(np.uint64)
    slot = np.asarray(slots, dtype=np.int64).astype(np.uint64)
    words = np.atleast_1d((second << _SLOT_BITS) | slot)
    return mix(words * _GOLDEN)


def draws(tick: U64, key: U64 | np.uint64) -> U64:
    """Return the words of streams at ticks, broadcast against each other."""
    return mix(np.atleast_1d(tick ^ key))


def uniforms(words: U64) -> F64:
    """Turn words to uniforms in [0, 1), with 53 bits each."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def choices(words: U64, count: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Turn words to whole numbers in 0 .. count - 1.

    Parameters
    ----------
    words : ndarray of uint64
    count : array_like of int
        Up to 2^31, broadcast against `words`.
    """
    high = words >> np.uint64(32)
    return ((high * np.asarray(count, dtype=np.uint64)) >> np.uint64(32)).astype(np.int64)


def normals(words: U64) -> F32:
    """Turn each word to two standard normals, one from each half.

    Parameters
    ----------
    words : ndarray of uint64, shape (..., n)

    Returns
    -------
    ndarray of float32, shape (..., 2 n)
        Reach 6.3 sigma; the interpolation errs by less than 1e-6 sigma. The pair
        of a word are neighbors in the last axis.

    Notes
    -----
    The upper bit of a half is the sign; the other 31 give the tail probability p,
    whose float32 exponent and leading mantissa bits select a cell of a
    piecewise-linear quantile table: equally fine in each octave of p.
    """
    return _quantiles(np.ascontiguousarray(words).view(np.uint32))


def single_normals(words: U64) -> F32:
    """Turn each word to one standard normal, the first of its pair, shape as `words`."""
    return _quantiles(words.astype(np.uint32))


def _quantiles(halves: npt.NDArray[np.uint32]) -> F32:
    """Look up the normal of each half."""
    bits = halves << np.uint32(1)
    bits |= np.uint32(1)
    tail = bits.astype(np.float32).view(np.uint32)
    np.right_shift(tail, _CELL_SHIFT, out=bits)
    bits -= np.uint32(127 << _CELL_BITS)
    # Start and slope of a cell lie side by side: one look-up finds both.
    found = _normal_table().take(bits.view(np.int32), mode="clip").view(np.float32)
    tail &= _CELL_MASK
    value = tail.astype(np.float32)
    value *= found[..., 1::2]
    value += found[..., ::2]
    halves_sign = np.bitwise_and(halves, _SIGN_BIT, out=bits)
    signed = value.view(np.uint32)
    signed ^= halves_sign
    return value


@cache
def _normal_table() -> npt.NDArray[np.float64]:
    """Return start and slope of each cell, two float32 packed in one 64-bit word."""
    # A half's 31 bits, shifted up and made odd, are m of 0 < m < 2^32, and p = m / 2^33 < 1/2.
    cells = 1 << _CELL_BITS
    mantissa = 1.0 + np.arange(cells) / cells
    nodes = np.concatenate([np.ldexp(mantissa, octave - 33) for octave in range(_OCTAVES)] + [[0.5]])
    inverse = NormalDist().inv_cdf
    quantile = np.array([round(-inverse(p), 9) for p in nodes.tolist()])
    width = 1 << (23 - _CELL_BITS)
    table = np.zeros((len(nodes), 2), dtype=np.float32)
    table[:, 0] = np.append(quantile[:-1], 0.0)
    table[:-1, 1] = np.diff(quantile) / width
    return table.view(np.float64)[:, 0]


WEIGHT_CUT = 0.05
"""Smallest weight of a past node in a slow process. Assumed: its tail cannot be seen. [unitless]"""


def slow_normals(
    key: U64,
    nodes: npt.NDArray[np.int64],
    *,
    spacing_seconds: int,
    correlation: float,
    slot: int | npt.NDArray[np.int64] = 0,
) -> F32:
    r"""Draw stationary, autocorrelated normals on the nodes of an absolute lattice.

    Parameters
    ----------
    key : ndarray of uint64, shape (n_devices,)
    nodes : ndarray of int64, shape (n_nodes,)
        Consecutive lattice indices; node i lies at second ``i * spacing_seconds``.
    spacing_seconds : int
        [seconds]
    correlation : float
        Correlation of neighboring nodes, 0 <= correlation < 1. [unitless]
    slot : int or ndarray of int64, shape (n_slots,)
        Many give as many processes.

    Returns
    -------
    ndarray of float32, shape (n_nodes, n_devices) or (n_nodes, n_slots, n_devices)
        Mean 0, variance 1.

    Notes
    -----
    A finite moving average of hashed noise, so a value depends on its own moment
    only, never on where a window starts:

    .. math:: x_i = \sum_{j=0}^{n-1} \rho^j e_{i-j} \Big/ \sqrt{\sum_j \rho^{2j}}

    with n a power of two, so that the sum is built by doubling, always in the same
    order.  The autocorrelation is :math:`\rho^k` but for the cut at n nodes.
    """
    doublings, scale = _moving_average(correlation)
    taps = 1 << doublings
    moments = (nodes[0] - (taps - 1) + np.arange(len(nodes) + taps - 1)) * spacing_seconds
    moment = ticks(moments, slot) if isinstance(slot, int) else ticks(moments[:, None], slot)
    total = single_normals(draws(moment[..., None], key))
    weight, shift = np.float32(correlation), 1
    for _ in range(doublings):
        total = total[shift:] + weight * total[:-shift]
        weight, shift = weight * weight, shift * 2
    return total * scale


@cache
def _moving_average(correlation: float) -> tuple[int, np.float32]:
    """How often to double a sum of two terms until the last weight is below the cut, and its scale."""
    doublings, last = 0, 1.0
    while last > WEIGHT_CUT and correlation > 0:
        doublings += 1
        last = correlation ** ((1 << doublings) - 1)
    variance = sum(correlation ** (2 * lag) for lag in range(1 << doublings))
    return doublings, np.float32(variance**-0.5)
