"""The storage pass: both kernels byte for byte, the balance, and saving near empty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.model import storage
from synthlab.model.storage import Thefts, suppression_line, tank_steps, truck_steps

ml = st.integers(0, 5_000_000)


# A truck goes to and fro until all that is planned of a step is done: 250 times at most.
LEAST_TRUCK_ML = 20_000


@st.composite
def cases(draw: st.DrawFn, *, least_ml: int = 1) -> dict[str, np.ndarray]:
    devices, steps = draw(st.integers(1, 4)), draw(st.integers(1, 30))
    capacity = [draw(st.integers(least_ml, 3_000_000)) for _ in range(devices)]
    flow = st.lists(st.lists(ml, min_size=devices, max_size=devices), min_size=steps, max_size=steps)
    fraction = st.lists(st.floats(0, 1), min_size=devices, max_size=devices)
    return {
        "volume": np.array([float(draw(st.integers(0, limit))) for limit in capacity]),
        "capacity": np.array(capacity, dtype=float),
        "requested": np.array(draw(flow), dtype=float) * draw(st.sampled_from([1.0, 0.37])),
        "inflow": np.array(draw(flow), dtype=float),
        "threshold_fraction": np.array(draw(fraction)),
        "min_demand_fraction": np.array(draw(fraction)),
    }


@given(cases(), st.sampled_from([1, 3, 32]))
def test_vector_and_scalar_kernel_give_the_same_bytes(case: dict[str, np.ndarray], run: int) -> None:
    slope, base = suppression_line(case["capacity"], case["threshold_fraction"], case["min_demand_fraction"])
    arguments = (case["volume"], case["capacity"], case["requested"], case["inflow"], slope, base)
    with pytest.MonkeyPatch.context() as patch:
        # Short runs, so that a tank goes from saving to plenty and back within few steps.
        patch.setattr(storage, "_FIRST_RUN_STEPS", run)
        vector, scalar = storage._tank_vector(*arguments), storage._tank_scalar(*arguments)
    for name in ("volume", "served", "overflow"):
        assert getattr(vector, name).tobytes() == getattr(scalar, name).tobytes(), name


@given(cases())
def test_tanks_balance_to_the_milliliter(case: dict[str, np.ndarray]) -> None:
    flows = tank_steps(**case)
    before = np.vstack([case["volume"], flows.volume[:-1]])
    assert (before + case["inflow"] - flows.served - flows.overflow == flows.volume).all()
    assert (flows.volume >= 0).all()
    assert (flows.volume <= case["capacity"]).all()
    assert (flows.served <= case["requested"]).all()
    assert (flows.served == np.floor(flows.served)).all()
    # Water spills only from a full tank.
    assert (
        flows.volume[flows.overflow > 0]
        == np.broadcast_to(case["capacity"], flows.volume.shape)[flows.overflow > 0]
    ).all()


def one_step(
    volume: float, *, threshold: float = 0.2, least: float = 0.5, requested: float = 1_000.0
) -> float:
    flows = tank_steps(
        volume=np.array([volume]),
        capacity=np.array([100_000.0]),
        requested=np.array([[1_000.0]]),
        inflow=np.zeros((1, 1)),
        threshold_fraction=np.array([threshold]),
        min_demand_fraction=np.array([least]),
    )
    return float(flows.served[0, 0])


def test_saving_is_a_line_from_the_threshold_down_to_the_least() -> None:
    assert one_step(100_000.0) == one_step(20_000.0) == 1_000.0
    assert one_step(10_000.0) == 750.0
    assert one_step(1_000.0) == 525.0
    assert one_step(19_999.0) == 999.0  # whole milliliters, rounded down


def test_no_saving_where_the_threshold_is_zero_or_the_least_is_one() -> None:
    assert one_step(1_500.0, threshold=0.0, least=0.0) == 1_000.0
    assert one_step(1_500.0, least=1.0) == 1_000.0


def test_an_empty_tank_serves_what_arrives_and_no_more() -> None:
    flows = tank_steps(
        volume=np.array([0.0]),
        capacity=np.array([1_000.0]),
        requested=np.array([[500.0], [500.0]]),
        inflow=np.array([[120.0], [0.0]]),
        threshold_fraction=np.array([0.0]),
        min_demand_fraction=np.array([1.0]),
    )
    assert flows.served.ravel().tolist() == [120.0, 0.0]
    assert flows.volume.ravel().tolist() == [0.0, 0.0]


@given(cases(least_ml=LEAST_TRUCK_ML), st.integers(0, 2**32 - 1))
def test_trucks_balance_and_stay_within_their_tank(case: dict[str, np.ndarray], seed: int) -> None:
    loss = np.random.default_rng(seed).integers(0, 1_000_000, case["inflow"].shape).astype(float)
    delivery = np.floor(case["requested"])
    flows = truck_steps(
        volume=case["volume"],
        capacity=case["capacity"],
        load_plan=case["inflow"],
        delivery_plan=delivery,
        loss_plan=loss,
    )
    before = np.vstack([case["volume"], flows.volume[:-1]])
    assert (before + flows.loaded - flows.delivered - flows.lost == flows.volume).all()
    assert ((flows.volume >= 0) & (flows.volume <= case["capacity"])).all()
    for done, plan in ((flows.loaded, case["inflow"]), (flows.delivered, delivery), (flows.lost, loss)):
        assert ((done >= 0) & (done <= plan)).all()


def test_a_thief_leaves_alone_what_is_not_worth_it_and_else_takes_what_is_there() -> None:
    plan, nothing = np.full((3, 4), 400.0), np.zeros((3, 4))
    contents = {"volume": np.array([250.0, 900.0, 249.0, 2_000.0]), "capacity": np.full(4, 2_000.0)}
    thefts = Thefts(plan, np.full(4, 250.0))
    tanks = tank_steps(
        **contents,
        requested=nothing,
        inflow=nothing,
        threshold_fraction=np.zeros(4),
        min_demand_fraction=np.ones(4),
        thefts=thefts,
    )
    trucks = truck_steps(
        **contents, load_plan=nothing, delivery_plan=nothing, loss_plan=nothing, thefts=thefts
    )
    for lost, left in ((tanks.lost, tanks.volume), (trucks.lost, trucks.volume)):
        assert lost is not None
        assert lost.T.tolist() == [[250, 0, 0], [400, 400, 0], [0, 0, 0], [400, 400, 400]]
        assert left[-1].tolist() == [0, 100, 249, 800]


@given(cases(), st.integers(0, 2**32 - 1))
def test_tanks_that_leak_and_are_stolen_from_balance(case: dict[str, np.ndarray], seed: int) -> None:
    rng, shape = np.random.default_rng(seed), case["inflow"].shape
    leak, stolen = (rng.integers(0, 500_000, shape) * rng.integers(0, 2, shape) for _ in range(2))
    worth = rng.integers(0, 500_000, shape[1]).astype(float)
    flows = tank_steps(**case, loss_plan=leak.astype(float), thefts=Thefts(stolen.astype(float), worth))
    assert flows.lost is not None
    before = np.vstack([case["volume"], flows.volume[:-1]])
    assert (before + case["inflow"] - flows.served - flows.overflow - flows.lost == flows.volume).all()
    content = flows.volume + flows.overflow + flows.lost
    wanted = leak + np.where(content >= worth, stolen, 0)
    np.testing.assert_array_equal(flows.lost, np.minimum(wanted, content))
