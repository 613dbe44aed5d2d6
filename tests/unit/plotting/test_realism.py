"""Pictures of a realism report and of fits: labeled, the same twice, and drawn from their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import synthlab
from synthlab import plotting
from tests.households import homes, hourly


@pytest.fixture(scope="module")
def city() -> pd.DataFrame:
    return homes([100.0, 200.0, 250.0, 300.0, 400.0, 600.0], days=70, weekend=True)


@pytest.fixture(scope="module")
def report(city: pd.DataFrame) -> synthlab.Realism:
    other = homes([100.0, 200.0, 250.0, 300.0, 400.0, 600.0], days=70, weekend=True, seed=5)
    return synthlab.realism(city, other, seeds=1)


def _line(axes: Axes, label: str) -> np.ndarray:
    return next(line.get_ydata() for line in axes.get_lines() if line.get_label() == label)


def test_realism_figure_draws_its_curves(report: synthlab.Realism) -> None:
    figure = plotting.realism_figure(report)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "profile  ·  weekdays",
        "profile  ·  weekends",
        "runs of hours without use",
        "volume of hours with use",
        "autocorrelation  ·  median household",
    ]
    curves = report.curves().set_index("curve")
    for axes, name in zip(
        figure.axes, ["profile_weekday", "profile_weekend", "zero_runs", "volume", "acf"], strict=True
    ):
        for side in ("real", "synthetic"):
            drawn = _line(axes, side)
            there = ~np.isnan(drawn)
            assert drawn[there] == pytest.approx(curves.loc[name, side].to_numpy()[there])
        assert axes.get_xlabel().endswith("]")
        assert axes.get_ylabel().endswith("]")
    assert "6 synthetic against 6 real households" in repr(figure)
    assert f"AUC is {report.auc:.2f}" in figure.texts[0].get_text()


def test_fit_figure_draws_values_over_data(city: pd.DataFrame) -> None:
    fit = synthlab.fit_demand(hourly(city))
    figure = plotting.fit_figure(fit)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "weekdays",
        "weekends",
        "days of the week",
    ]
    assert _line(figure.axes[0], "fitted") == pytest.approx(fit.hourly_weights)
    assert _line(figure.axes[1], "fitted") == pytest.approx(fit.weekend_hourly_weights)
    assert _line(figure.axes[2], "fitted") == pytest.approx(fit.weekday_multipliers)
    bars = [bar.get_height() for bar in figure.axes[0].patches]
    assert bars == pytest.approx(fit.observed["hourly_weights"])
    ends = figure.axes[0].collections[0].get_segments()
    assert np.array(ends)[:, :, 1] == pytest.approx(np.array(fit.intervals["hourly_weights"]))
    assert f"{fit.target_daily_liters:.0f} liters a day" in figure.texts[0].get_text()


def test_fit_figure_of_supply() -> None:
    frame = homes([300.0], days=30, step_minutes=15)
    figure = plotting.fit_figure(synthlab.fit_supply(frame))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["every day", "days of the week"]
    assert "sessions a day" in figure.texts[0].get_text()


def test_pictures_are_the_same_twice(report: synthlab.Realism, city: pd.DataFrame) -> None:
    fit = synthlab.fit_demand(hourly(city))
    for draw in (lambda: plotting.realism_figure(report), lambda: plotting.fit_figure(fit)):
        first, second = draw().png(), draw().png()
        assert first == second
        assert first.startswith(b"\x89PNG")
