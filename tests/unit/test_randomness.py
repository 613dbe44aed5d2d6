"""Draws: pinned bytes, and statistics with limits from their exact null distributions.

Seeds are fixed, so a test passes always or never; each limit is a one-in-a-million
quantile, so a change of keys would have to be unlucky to fail it.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from synthlab import randomness
from synthlab.randomness import (
    choices,
    draws,
    mix,
    normals,
    slow_normals,
    stream_key,
    stream_keys,
    ticks,
    uniforms,
)
from tests.oracles import scalar_engine as oracle

RARE = 1e-6
SECOND = 1_770_000_000
N = 1 << 18
IDS = [f"TANK-{i:04}" for i in range(512)]
NORMAL_TABLE_SHA256 = "4c2b4d9e3cb92aea17f4bb8be22d8e9f405f6d721a16be7a09a2c644c8bc941e"


def layout(name: str) -> np.ndarray:
    """N words, in the order in which neighbors would be seen together."""
    if name == "seconds":
        return draws(ticks(SECOND + np.arange(N)), stream_key(42, "TANK-1", "row"))
    if name == "steps":
        return draws(ticks(SECOND + 300 * np.arange(N)), stream_key(42, "TANK-1", "row"))
    if name == "slots":
        moments, slots = np.arange(N // 64).repeat(64), np.tile(np.arange(64), N // 64)
        return draws(ticks(SECOND + 60 * moments, slots), stream_key(42, "TANK-1", "row"))
    if name == "devices":
        return draws(ticks(SECOND + 60 * np.arange(N // 512))[:, None], stream_keys(42, IDS, "row")).ravel()
    if name == "seeds":
        keys = np.array([stream_key(seed, "TANK-1", "row") for seed in range(512)], dtype=np.uint64)
        return draws(ticks(SECOND + np.arange(N // 512))[:, None], keys).ravel()
    processes = [stream_key(42, "TANK-1", f"process-{i}") for i in range(512)]
    return draws(ticks(SECOND + np.arange(N // 512))[:, None], np.array(processes, dtype=np.uint64)).ravel()


LAYOUTS = ("seconds", "steps", "slots", "devices", "seeds", "processes")


@pytest.fixture(scope="module", params=LAYOUTS)
def words(request: pytest.FixtureRequest) -> np.ndarray:
    return layout(request.param)


def chi2_ok(observed: np.ndarray, expected: float) -> bool:
    value = ((observed - expected) ** 2 / expected).sum()
    degrees = observed.size - 1
    return stats.chi2.ppf(RARE, degrees) < value < stats.chi2.isf(RARE, degrees)


def test_uniforms_fill_their_cells_evenly(words: np.ndarray) -> None:
    uniform = uniforms(words)
    assert ((uniform >= 0) & (uniform < 1)).all()
    assert chi2_ok(np.bincount((uniform * 1024).astype(int), minlength=1024), N / 1024)
    # The low bits too: the spare word and the latency use them.
    assert chi2_ok(np.bincount((words & np.uint64(1023)).astype(int), minlength=1024), N / 1024)


@pytest.mark.parametrize("lag", [1, 2, 7, 64])
def test_neighbors_are_independent_as_pairs(words: np.ndarray, lag: int) -> None:
    cell = (uniforms(words) * 32).astype(int)
    pairs = np.bincount(cell[:-lag] * 32 + cell[lag:], minlength=1024)
    assert chi2_ok(pairs, (N - lag) / 1024)


@pytest.mark.parametrize("lag", [1, 2, 12, 64, 288, 512])
def test_neighbors_do_not_correlate(words: np.ndarray, lag: int) -> None:
    uniform = uniforms(words) - 0.5
    correlation = (uniform[:-lag] * uniform[lag:]).mean() * 12
    assert abs(correlation) < stats.norm.isf(RARE / 2) / (N - lag) ** 0.5


def test_neighbors_differ_in_half_of_their_bits(words: np.ndarray) -> None:
    """Each of the 64 bits flips in half of the steps, and 32 of 64 flip in one."""
    change = words[1:] ^ words[:-1]
    limit = stats.norm.isf(RARE / 2 / 64) * (0.25 * len(change)) ** 0.5
    for bit in range(64):
        flips = int(((change >> np.uint64(bit)) & np.uint64(1)).sum())
        assert abs(flips - len(change) / 2) < limit, bit
    total = np.bitwise_count(change)
    assert abs(total.mean() - 32) < stats.norm.isf(RARE / 2) * 4 / len(change) ** 0.5
    assert total.std() == pytest.approx(4.0, rel=stats.norm.isf(RARE / 2) / (2 * len(change)) ** 0.5)


def test_normals_are_normal(words: np.ndarray) -> None:
    value = normals(words).astype(float)
    assert value.shape == (2 * N,)
    assert stats.kstest(value, "norm").pvalue > RARE
    assert chi2_ok(np.bincount((stats.norm.cdf(value) * 512).astype(int), minlength=512), N / 256)
    pair = (value[::2] * value[1::2]).mean()
    assert abs(pair) < stats.norm.isf(RARE / 2) / N**0.5
    assert abs((value**4).mean() - 3) < stats.norm.isf(RARE / 2) * (96 / (2 * N)) ** 0.5
    # Squares: dependence that a correlation does not see.
    squares = ((value[::2] ** 2 - 1) * (value[1::2] ** 2 - 1)).mean()
    assert abs(squares) < stats.norm.isf(RARE / 2) * 2 / N**0.5


def test_no_word_comes_twice(words: np.ndarray) -> None:
    """Birthdays: 2^18 words of 64 bits collide once in 500 million runs."""
    assert (np.diff(np.sort(words)) > 0).all()


def test_streams_of_500_devices_do_not_correlate() -> None:
    values = normals(draws(ticks(SECOND + np.arange(2_000))[:, None], stream_keys(1, IDS[:500], "row")))
    correlation = np.corrcoef(values[:, ::2].T.astype(float))
    pairs = correlation[np.triu_indices(500, 1)] * 2_000**0.5
    assert np.abs(pairs).max() < stats.norm.isf(RARE / 2 / len(pairs))
    assert pairs.std() == pytest.approx(1.0, abs=stats.norm.isf(RARE / 2) / (2 * len(pairs)) ** 0.5)


def test_streams_are_no_shifted_copies() -> None:
    """With one round of mixing only, one key's stream would be another's, later."""
    a, b = (set(draws(ticks(SECOND + np.arange(50_000)), stream_key(1, x, "row")).tolist()) for x in "AB")
    assert not a & b


def test_keys_tell_seed_device_and_process_apart() -> None:
    keys = {
        int(stream_key(seed, device, process))
        for seed in (1, 11, -1)
        for device in ("1", "11", "A")
        for process in ("1", "row", "")
    }
    assert len(keys) == 27
    assert int(stream_key(42, "TANK-1", "demand")) == oracle.stream_key(42, "TANK-1", "demand")


def test_words_are_the_scalar_oracles() -> None:
    key = stream_key(7, "X", "row")
    seconds, slots = [0, 1, SECOND, 2**40], [0, 1, 5, 65_535]
    for second in seconds:
        for slot in slots:
            assert int(draws(ticks(second, slot), key)[0]) == oracle.draw(int(key), second, slot)


def test_mix_is_the_published_splitmix64() -> None:
    """First outputs of splitmix64 from state 0, as its authors' code gives them."""
    golden = 0x9E3779B97F4A7C15
    states = np.array([golden * i & (2**64 - 1) for i in (1, 2, 3)], dtype=np.uint64)
    assert [hex(word) for word in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_draws_have_no_state() -> None:
    key, moments = stream_key(1, "A", "row"), SECOND + np.arange(1000)
    whole = draws(ticks(moments), key)
    assert (draws(ticks(moments[::-1]), key)[::-1] == whole).all()
    assert (
        np.concatenate([draws(ticks(moments[:333]), key), draws(ticks(moments[333:]), key)]) == whole
    ).all()


def test_quantile_table_errs_by_less_than_a_millionth() -> None:
    """At the cells' middles, where a line departs most from the curve."""
    tails = np.concatenate([[1], np.unique(np.geomspace(1, 2**31 - 1, 40_000).astype(np.uint64))])
    found = normals(np.asarray(tails, dtype=np.uint64))[::2].astype(float)
    inverse = NormalDist().inv_cdf
    exact = np.array([-inverse((2 * int(tail) + 1) / 2**33) for tail in tails])
    # float32 of 6.3 has steps of 5e-7.
    assert np.abs(found - exact).max() < 1.3e-6
    assert found.max() == pytest.approx(6.2, abs=0.15)
    signed = normals(np.asarray(tails, dtype=np.uint64) | np.uint64(1 << 31))[::2]
    assert (signed == -found).all()


def test_normals_are_the_scalar_oracles() -> None:
    sample = layout("seconds")[:5_000]
    value = normals(sample)
    expected = [oracle.normal(half) for word in sample.tolist() for half in (word & 0xFFFFFFFF, word >> 32)]
    assert value.astype(float).tolist() == expected


def test_the_normal_table_is_pinned() -> None:
    """Another digest means other bytes in each artifact: see CHANGELOG, "Reproducibility"."""
    table = randomness._normal_table().astype("<f8", copy=False)
    assert hashlib.sha256(table.tobytes()).hexdigest() == NORMAL_TABLE_SHA256


def test_choices_are_even_and_within_bounds() -> None:
    found = choices(layout("slots"), 7)
    assert chi2_ok(np.bincount(found, minlength=7), N / 7)
    assert set(choices(layout("slots")[:100], 1)) == {0}
    edges = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert choices(edges, [5, 5]).tolist() == [0, 4]
    assert choices(edges, 2**31).tolist() == [0, 2**31 - 1]


class TestSlowNormals:
    KEYS = stream_keys(3, IDS[:256], "climate")

    def at(self, first: int, count: int, correlation: float = 0.7, slot: int = 0) -> np.ndarray:
        nodes = np.arange(first, first + count)
        return slow_normals(
            self.KEYS, nodes, spacing_seconds=3_600, correlation=correlation, slot=slot
        ).astype(float)

    def test_mean_variance_and_shape(self) -> None:
        value = self.at(400_000, 200)
        # About (1 + rho) / (1 - rho) = 5.7 times fewer independent values.
        independent = value.size / 5.7
        assert abs(value.mean()) < stats.norm.isf(RARE / 2) / independent**0.5
        assert value.var() == pytest.approx(1.0, abs=stats.norm.isf(RARE / 2) * (2 / (value.size / 3)) ** 0.5)
        assert stats.kstest(value[::40].ravel(), "norm").pvalue > RARE

    @pytest.mark.parametrize("lag", [1, 2, 5, 40])
    @pytest.mark.parametrize("correlation", [0.0, 0.7, 0.85])
    def test_autocorrelation(self, lag: int, correlation: float) -> None:
        value = self.at(400_000, 300, correlation)
        found = (value[:-lag] * value[lag:]).mean() / value.var()
        expected = correlation**lag if lag < 25 else 0.0
        assert found == pytest.approx(expected, abs=0.03)

    def test_devices_and_slots_are_independent(self) -> None:
        value, other = self.at(400_000, 100), self.at(400_000, 100, slot=1)
        limit = stats.norm.isf(RARE / 2) / (value.size / 3) ** 0.5
        assert abs((value[:, :-1] * value[:, 1:]).mean()) < limit
        assert abs((value * other).mean()) < limit

    def test_a_node_does_not_know_where_the_window_starts(self) -> None:
        whole = self.at(400_000, 90)
        assert (self.at(400_030, 60) == whole[30:]).all()
        assert (self.at(400_000, 1) == whole[:1]).all()
        alone = slow_normals(
            self.KEYS[7:8], np.arange(400_000, 400_090), spacing_seconds=3_600, correlation=0.7
        )
        assert (alone[:, 0] == whole[:, 7]).all()

    def test_it_is_the_scalar_oracles(self) -> None:
        expected = [oracle.slow_normal(int(self.KEYS[2]), 400_000 + i, 3_600, 0.7) for i in range(5)]
        assert self.at(400_000, 5)[:, 2].tolist() == expected
