"""Fixtures of the browser tests; `tests.browsers` starts what they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browsers import WAIT_MS, Server, Watched, chromium, served_by_lab, watched_page
from tests.services import require_or_skip

# Far more than a quiet machine needs: what comes in the end is no failure.
expect.set_options(timeout=2 * WAIT_MS)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCREENSHOTS = "SYNTHLAB_SCREENSHOTS"
"""Names the folder for pictures of the views; a scratch folder where it is not set."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as found:
            yield found
    except FileNotFoundError as error:
        require_or_skip(str(error))


@pytest.fixture
def watch(browser: Browser) -> Iterator[Watched]:
    """A new page; an error that it shows, or an address that it asks for, fails the test."""
    with watched_page(browser) as watched:
        yield watched
    assert watched.complaints == [], "\n".join(watched.complaints)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served_by_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the views go."""
    folder = Path(os.environ.get(SCREENSHOTS, tmp_path))
    folder.mkdir(exist_ok=True)
    return folder
