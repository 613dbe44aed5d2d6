"""A consumer that is killed at random, and again, leaves the read models of an undisturbed one."""

from __future__ import annotations

import itertools
import random
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sqlalchemy import event, text

from synthlab.adapters.database import Database, open_database
from synthlab.platform import consumer, schema
from synthlab.platform.provision import provision_devices
from tests.contract.test_consumer import cursor, event_count, expected_models, history, ingest, models
from tests.faults import worker


def drain_and_tell(url: str, told: Connection) -> None:
    """Drain, and send a word before each statement, so that whoever listens can choose one of them."""
    # Small transactions, so that there are many moments to be killed in.
    consumer.EVENTS_PER_TRANSACTION = 100
    with open_database(url) as database:
        event.listen(database.engine, "before_cursor_execute", lambda *_, **__: told.send_bytes(b"statement"))
        consumer.drain(database, batch_size=50)


def run_victim(url: str, statements: int) -> bool:
    """Drain in a process of its own, killed after so many statements; say whether it came to its end."""
    heard, told = worker.CONTEXT.Pipe(duplex=False)
    victim = worker.CONTEXT.Process(target=drain_and_tell, args=(url, told), daemon=True)
    victim.start()
    told.close()
    with heard, suppress(EOFError):
        for count in itertools.count(1):
            heard.recv_bytes()
            if count == statements:
                # It runs on until the signal is there: the statement that it dies in is chance.
                victim.kill()
    victim.join()
    assert victim.exitcode in (0, -signal.SIGKILL)
    return victim.exitcode == 0


def kill_until_done(url: str, *, seed: int, kills: int) -> tuple[int, int]:
    """Kill so many drains at random moments, then let one end; count the kills, and those in mid-drain."""
    chance = random.Random(seed)
    killed = midway = 0
    while killed < kills:
        if run_victim(url, chance.randint(3, 60)):
            break
        killed += 1
        with open_database(url) as database:
            midway += 0 < cursor(database) < event_count(database)
    while not run_victim(url, 1_000_000):
        pass
    return killed, midway


def make_platform(url: str) -> None:
    with open_database(url) as database:
        schema.create_schema(database.engine)
        with database.session() as session:
            provision_devices(session, history()[0])
        ingest(database, history()[2])


def check_models(url: str) -> None:
    with open_database(url) as database:
        assert cursor(database) == event_count(database)
        assert models(database) == expected_models()


def test_killed_at_random_and_drained_again(database_url: str) -> None:
    make_platform(database_url)
    killed, midway = kill_until_done(database_url, seed=20260212, kills=4)
    assert killed >= 2
    assert midway >= 1
    check_models(database_url)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_killed_often(database_url: str, seed: int, tmp_path: Path) -> None:
    make_platform(database_url)
    killed, midway = kill_until_done(database_url, seed=seed, kills=15)
    print(f"{killed} kills, {midway} of them in mid-drain")
    assert killed >= 8
    assert midway >= 3
    check_models(database_url)


def test_the_oracle_sees_a_lost_hour(sqlite_url: str) -> None:
    make_platform(sqlite_url)
    with open_database(sqlite_url) as database:
        run_victim(sqlite_url, 1_000_000)
        _forget_an_hour(database)
        assert models(database) != expected_models()


def _forget_an_hour(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE stationary_hourly_series SET demand_liters = demand_liters + 1"))
