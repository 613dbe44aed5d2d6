"""A live run from a button, against a real broker, in JupyterLab."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.brokers import Observer, mosquitto, needs_mosquitto
from tests.browsers import Server, Watched, open_in_lab

CELL = """
import synthlab as sl
scenario = sl.load_scenario("demo_city_v1").with_changes(days=1)
sl.provision(scenario)
view = sl.monitor(scenario, broker={url!r}, speedup_factor=7200, start_at="2026-02-12T10:00:00Z")
view
"""


def number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


@needs_mosquitto
def test_a_run_is_started_watched_and_stopped(watch: Watched, lab: Server, pictures: Path) -> None:
    with mosquitto() as address, Observer(address) as observer:
        lab.write("live.ipynb", CELL.format(url=address.display_url))
        page = open_in_lab(watch, lab, "live.ipynb")
        start, stop = (page.get_by_role("button", name=name, exact=True) for name in ("Start", "Stop"))
        sent = page.locator(".sl-tile", has_text="Sent").locator(".sl-number span")
        expect(stop).to_be_disabled()
        assert observer.messages == []

        start.click()
        expect(stop).to_be_enabled()
        expect(start).to_be_disabled()
        # Four digits, or three that begin with a 2 or more.
        expect(sent).to_have_text(re.compile(r"^([2-9]\d\d|[\d,]{5,})$"))
        # Levels and the trucks' ways are drawn while it runs.
        expect(page.locator(".sl-panels canvas").first).to_be_visible()
        expect(page.locator(".sl-map .sl-way")).to_have_count(2)
        # The kernel is free meanwhile: another cell runs.
        assert (
            page.evaluate(
                """async () => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({code: "6 * 7"});
                return new Promise((resolve) => {
                    future.onIOPub = ({ header, content }) => {
                        if (header.msg_type === "execute_result") resolve(content.data["text/plain"]);
                    };
                });
            }"""
            )
            == "42"
        )
        page.screenshot(path=pictures / "live_notebook.png")

        stop.click()
        page.get_by_text("Stopped.").wait_for()
        expect(start).to_be_enabled()
        total = number(sent.inner_text())
        assert (
            number(page.locator(".sl-tile", has_text="Acknowledged").locator(".sl-number span").inner_text())
            == total
        )
        messages = observer.wait_for(lambda found: len(found) >= total)
    assert len(messages) == total
    assert {json.loads(message.payload)["schema_version"] for message in messages} == {1}
