"""Gaussian building blocks: quantile, circular processes, lognormals of mean 1."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from synthlab.model.gaussian import circular_kernel, circular_process, fixed_normals, probit
from synthlab.model.gaussian import log_normal_mean_one as factor_of
from synthlab.randomness import stream_keys

KEYS = stream_keys(1, [f"D{i}" for i in range(4_000)], "gaussian")


def test_probit_is_the_normal_quantile_and_ends_at_six_sigma() -> None:
    prob = np.concatenate([np.geomspace(1e-4, 0.5, 400), 1 - np.geomspace(1e-4, 0.5, 400)])
    assert np.abs(probit(prob) - stats.norm.ppf(prob)).max() < 1e-4
    assert probit(np.array([0.0, 1.0])).tolist() == [-6.0, 6.0]


@pytest.mark.parametrize(("count", "length"), [(24, 5.0), (24, 1.5), (168, 1.5)])
def test_a_circular_process_is_its_kernel_times_the_noise(count: int, length: float) -> None:
    noise = fixed_normals(KEYS[:50], count)
    kernel = circular_kernel(count, length)
    np.testing.assert_allclose(circular_process(noise, length), kernel @ noise, atol=1e-8)
    covariance = kernel @ kernel.T
    np.testing.assert_allclose(np.diag(covariance), 1.0)
    # The circle is closed: the first node neighbors the last.
    assert covariance[0, -1] == pytest.approx(covariance[0, 1])
    distance = round(length)
    wanted = np.exp(-((distance / length) ** 2) / 2)
    assert covariance[0, distance] == pytest.approx(wanted, abs=0.07)


def test_it_has_variance_one_everywhere() -> None:
    process = circular_process(fixed_normals(KEYS, 24), 5.0)
    assert np.abs(process.mean(axis=1)).max() < 4 / 4_000**0.5
    assert np.abs(process.var(axis=1) - 1).max() < 4.5 * (2 / 4_000) ** 0.5


@pytest.mark.parametrize("columns", [[7], [7, 8], [3, 7, 2001], list(range(7, 600))])
def test_a_column_does_not_know_the_others(columns: list[int]) -> None:
    """To the byte: a matrix product would differ in the last bit."""
    whole = circular_process(fixed_normals(KEYS, 168), 1.5)
    some = circular_process(fixed_normals(KEYS[columns], 168), 1.5)
    assert (some == whole[:, columns]).all()


@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.85])
def test_lognormal_factors_have_mean_one(sigma: float) -> None:
    value = fixed_normals(KEYS, 16)
    found = factor_of(value, sigma)
    assert abs(found.mean() - 1) <= 4 * (np.expm1(sigma**2) / value.size) ** 0.5
    assert found.std() == pytest.approx(np.expm1(sigma**2) ** 0.5, rel=0.1)
    columns = np.full(4_000, sigma)
    assert (factor_of(value, columns) == found).all()
