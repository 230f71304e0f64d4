"""The pages in headless Chromium: what lives, what is pressed, what axe finds, hostile text."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.app import create_app
from firstcause.incidents.human_actions import Acknowledgement, Feedback, Resolution, Silence
from firstcause.settings import Settings
from tests.unit.api.test_pages import HOSTILE, hostile_incident
from tests.unit.api.world import NOW_MS, TIMES, StoresInMemory, a_row, an_incident, put_into_index

pytestmark = pytest.mark.integration

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 60_000
ROWS = [
    a_row(
        number,
        "cart",
        -number * 7,
        level="ERROR" if number % 4 == 0 else "INFO",
        message=f"line {number} {HOSTILE[number % len(HOSTILE)]}",
        status_code=503,
    )
    for number in range(1, 120)
]

if CHROMIUM is None:
    pytest.skip("Chromium is not here: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> StoresInMemory:
    home = tmp_path_factory.mktemp("browser")
    put_into_index(home, ROWS)
    found = StoresInMemory(home, [], ROWS)
    found.patterns.put("cart", HOSTILE[0] + " <*>", NOW_MS, 5)
    return found


@pytest.fixture(scope="module")
def address(stores: StoresInMemory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    settings = Settings(
        firstcause_home=tmp_path_factory.mktemp("browser"), api_requests_per_second=10_000.0
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings, stores), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    ends_at = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may log no error and open no dialog."""
    opened = browser.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    told: list[str] = []
    opened.on("console", lambda one: told.append(one.text) if one.type == "error" else None)
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("dialog", lambda dialog: (told.append("a dialog"), dialog.dismiss()))
    yield opened
    opened.close()
    assert told == []


def test_an_incident_appears_without_a_reload_and_its_buttons_work(
    page: Page, address: str, stores: StoresInMemory
) -> None:
    page.goto(f"{address}/ui/incidents")
    page.evaluate("window.loadedOnce = true")
    view = an_incident(title="order: Payment 8 failed")
    stores.incidents.views[view.incident_id] = view
    link = page.get_by_role("link", name="order: Payment 8 failed")
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.loadedOnce") is True
    link.click()
    for name, kind in (
        ("Acknowledge", Acknowledgement),
        ("Silence 1 h", Silence),
        ("Analysis wrong", Feedback),
        ("Resolve", Resolution),
    ):
        with page.expect_response(lambda answer: answer.request.method == "POST") as pressed:
            page.get_by_role("button", name=name, exact=True).click()
        assert pressed.value.status == 200
        assert isinstance(stores.incidents.actions[-1], kind)


def test_logs_are_counted_brushed_and_narrowed(page: Page, address: str) -> None:
    page.goto(f"{address}/ui/logs?q=line&from={TIMES['from'][:19]}Z&to={TIMES['to'][:19]}Z")
    plot = page.locator(".histogram .u-over")
    plot.wait_for()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 40, steps=5)
    with page.expect_navigation():
        page.mouse.up()
    chosen = parse_qs(urlsplit(page.url).query)
    assert chosen["q"] == ["line"]
    assert TIMES["from"][:19] < chosen["from"][0] < chosen["to"][0] < TIMES["to"][:19]
    page.locator(".lines summary").first.click()
    page.locator(".lines details[open]").get_by_role("link", name="503").click()
    expect(page.locator("[name=q]")).to_have_value("line status_code:503")
    page.get_by_role("link", name="Patterns").click()
    expect(page.get_by_role("heading", name="Patterns")).to_be_visible()
    page.go_back()
    page.locator("[name=q]").fill("")
    page.locator("[name=q]").press_sequentially("pool ser")
    offered = page.locator("#words option")
    expect(offered.first).to_have_attribute("value", "pool service:")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1_280), ("dark", 390)])
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    browser: Browser, address: str, stores: StoresInMemory, scheme: str, width: int
) -> None:
    view = hostile_incident(HOSTILE[1])
    stores.incidents.views[view.incident_id] = view
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        for path in (
            "/ui/incidents",
            f"/ui/incidents/{view.incident_id}",
            f"/ui/logs?from={TIMES['from'][:19]}Z",
            "/ui/logs?q=pool+servce:cart",
            "/ui/patterns",
            "/ui/tail",
            "/ui/login",
        ):
            page = context.new_page()
            page.goto(address + path)
            found = Axe().run(page)
            assert [one["id"] for one in found.response["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()
    finally:
        context.close()
