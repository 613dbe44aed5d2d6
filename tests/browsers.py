"""Real Chromium, JupyterLab and voila, each started on loopback with a scratch folder of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 180
WAIT_MS = 60_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

# What a page says that is not about us; each with its reason.
FOREIGN_ERRORS = (
    # JupyterLab asks whether a language server is installed; "404" says no.
    "/lsp/status",
)
FOREIGN_ADDRESSES = (
    # voila's own template links an icon font there; nothing of ours uses it, and it gets an empty answer.
    "/@fortawesome/fontawesome-free@",
)
ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")


COUNT_CLICKS = """
window.presses = 0;
addEventListener("pointerdown", (event) => { window.presses += event.isTrusted ? 1 : 0; }, true);
"""
"""Counts what a hand does with a mouse button: a click is a press, so is a drag, a double click is two."""


@dataclass
class Watched:
    """A page, what it complained about, and what it asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def presses(self) -> int:
        """How often a mouse button went down on this page."""
        return int(self.page.evaluate("window.presses"))

    def hear(self, message: ConsoleMessage) -> None:
        """Keep an error of the console."""
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(name in text for name in FOREIGN_ERRORS):
            self.complaints.append(text)

    def answer(self, route: Route) -> None:
        """Answer a request for an address of the network: with nothing, and a complaint."""
        self.asked.append(route.request.url)
        if not any(name in route.request.url for name in FOREIGN_ADDRESSES):
            self.complaints.append(f"asks for {route.request.url}")
        route.fulfill(status=200, content_type="text/css", body="")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium.

    Raises
    ------
    FileNotFoundError
        There is none on PATH.
    """
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError("no Chromium on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watched_page(browser: Browser, *, width: int = 1500, height: int = 1000) -> Iterator[Watched]:
    """Open a page whose errors are heard, and that reaches nothing but loopback."""
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watched = Watched(page)
    page.on("console", watched.hear)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    context.route(ELSEWHERE, watched.answer)
    context.add_init_script(COUNT_CLICKS)
    yield watched
    context.close()


@dataclass(frozen=True)
class Server:
    """A Jupyter server with a scratch folder of its own."""

    url: str
    token: str
    folder: Path

    def write(self, name: str, *cells: str) -> Path:
        """Put a notebook of code cells into the scratch folder."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = self.folder / name
        nbformat.write(notebook, path)
        return path


@contextmanager
def served_by_lab(folder: Path) -> Iterator[Server]:
    """Serve a folder with JupyterLab."""
    # Nothing that asks the network, or covers the page with a question.
    quiet = [f"--LabApp.app_settings_dir={_settings(folder)}", "--LabApp.extension_manager=readonly"]
    quiet += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options = [*quiet, "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"]
    with _served("jupyter", ["lab", *options], folder) as server:
        yield server


@contextmanager
def served_by_voila(folder: Path, notebook: str) -> Iterator[Server]:
    """Serve one notebook as a page without code."""
    # jupytext's extension is of use in JupyterLab only, and complains elsewhere.
    options = ['--VoilaConfiguration.extension_denylist=["jupyterlab-jupytext"]', "--show_tracebacks=True"]
    with _served("voila", [notebook, *options], folder) as server:
        yield server


@contextmanager
def served_by_make(folder: Path, **variables: str) -> Iterator[Server]:
    """Serve the workbench as `make app` does, with a scratch folder to keep things in."""
    port = _free_port()
    binaries = Path(sys.executable).parent
    # -o: this environment is the one to run in, and nothing is to be installed.
    options = [f"VENV={binaries.parent}", f"WORKSPACE={folder}"]
    options += [f"APP_OPTIONS=--no-browser --Voila.port={port}", "-o", f"{binaries.parent}/.full.stamp"]
    with _running(["make", "--no-print-directory", "app", *options], folder, REPOSITORY, port, variables):
        yield Server(f"http://127.0.0.1:{port}", "", folder)


def _free_port() -> int:
    """Find a port, not one of those that are given to whoever asks for any before the server is up."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def _served(program: str, arguments: list[str], folder: Path) -> Iterator[Server]:
    """Serve a folder from itself, with a token where there is one."""
    token = secrets.token_hex(16)
    port = _free_port()
    kind = "ServerApp" if program == "jupyter" else "Voila"
    address = [f"--{kind}.port={port}", f"--{kind}.ip=127.0.0.1", "--no-browser"]
    secret = [f"--IdentityProvider.token={token}", "--allow-root"] if program == "jupyter" else []
    command = [str(Path(sys.executable).with_name(program)), *arguments, *address, *secret]
    with _running(command, folder, folder, port, {}):
        yield Server(f"http://127.0.0.1:{port}", token, folder)


@contextmanager
def _running(
    command: list[str], folder: Path, cwd: Path, port: int, variables: Mapping[str, str]
) -> Iterator[None]:
    """Start a server on a port of loopback; end that very process afterwards."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=cwd, env=_environment(folder) | variables, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}", process, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _settings(folder: Path) -> Path:
    settings = folder / ".settings"
    settings.mkdir()
    news = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (settings / "overrides.json").write_text(json.dumps(news), encoding="utf-8")
    return settings


def _environment(folder: Path) -> dict[str, str]:
    """A machine of its own: nothing configured, and nothing kept."""
    import anywidget

    # Where the front ends lie, also if this environment only refers to another one's packages.
    share = Path(anywidget.__file__).parents[4] / "share" / "jupyter"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SYNTHLAB_", "JUPYTER", "PYTEST_"))
    }
    home = folder / ".home"
    home.mkdir(exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "JUPYTER_PATH": str(share),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            # The connection was refused: not yet.
            process_is_starting = process.poll() is None
            if process_is_starting:
                time.sleep(0.05)
    pytest.fail(f"{process.args} did not start:\n{log.read_text(errors='replace')[-3_000:]}")


def open_in_lab(watched: Watched, server: Server, name: str) -> Page:
    """Open a notebook of the server in JupyterLab and run all its cells."""
    page = watched.page
    page.goto(f"{server.url}/lab/tree/{name}?token={server.token}&reset")
    wait_for_kernel(page)
    # Not awaited: the command ends with the last cell, and a lost cell would hold the test for ever.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    return page


def wait_for_kernel(page: Page) -> None:
    """Wait until the notebook in front can run; before, it would ask for a kernel in a dialog."""
    page.wait_for_function("() => window.jupyterapp !== undefined")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )


def set_theme(page: Page, name: str) -> None:
    page.evaluate(
        "(theme) => { window.jupyterapp.commands.execute('apputils:change-theme', {theme}); }", name
    )
    page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=name)


LEGIBLE = Path(__file__).parent / "browser" / "legible.js"


def lowest_contrast(page: Page, selector: str) -> dict[str, Any]:
    """Return the text below a selector that is hardest to read, and its contrast."""
    return dict(_ask(page, "lowestContrast", selector))


def nameless(page: Page, selector: str) -> list[str]:
    """Return what can be used and has no name that a screen reader could say."""
    return list(_ask(page, "nameless", selector))


def _ask(page: Page, function: str, selector: str) -> Any:
    return call_script(page, LEGIBLE, function, selector)


def call_script(page: Page, path: Path, function: str, argument: str = "") -> Any:
    """Call a function of a script of ours in the page."""
    script = path.read_text(encoding="utf-8").replace("export function", "function")
    return page.evaluate(f"(argument) => {{ {script}\nreturn {function}(argument); }}", argument)
