"""A consumer that is killed at random, and again, leaves the read models of an undisturbed one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from synthlab.adapters.database import Database, open_database
from synthlab.platform import schema
from synthlab.platform.provision import provision_devices
from tests.contract.test_consumer import cursor, event_count, expected_models, history, ingest, models

# Small transactions, so that there are many moments to be killed in; a word before each
# statement, so that the parent can choose one of them.
VICTIM = """\
import sys
from sqlalchemy import event
from synthlab.adapters.database import open_database
from synthlab.platform import consumer
consumer.EVENTS_PER_TRANSACTION = 100
with open_database(sys.stdin.readline().strip()) as database:
    @event.listens_for(database.engine, "before_cursor_execute")
    def tell(*_):
        print("statement", flush=True)
    consumer.drain(database, batch_size=50)
print("done", flush=True)
"""


def run_victim(url: str, statements: int) -> bool:
    """Drain in a process of its own, killed after so many statements; say whether it came to its end."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        victim.stdin.write(url + "\n")
        victim.stdin.flush()
        for count, line in enumerate(victim.stdout, start=1):
            if line == "done\n":
                return True
            if count == statements:
                # It runs on until the signal is there: the statement that it dies in is chance.
                victim.send_signal(signal.SIGKILL)
    assert victim.returncode == -signal.SIGKILL
    return False


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
