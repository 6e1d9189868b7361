"""Chromium from Debian, without a network, and pages that may say nothing on the console."""

import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


@pytest.fixture(scope="session")
def browser():
    program = shutil.which("chromium")
    if not program:
        pytest.fail("there is no chromium: run `make browser` first", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page from disk with the network cut; what it says or asks for is kept."""

    def __init__(self, browser: Browser, file: Path, width: int = 1280, theme: str = "light", javascript: bool = True):
        # `bypass_csp` stays off: the page's own policy is part of what is tested.
        self.context = browser.new_context(
            offline=True, viewport={"width": width, "height": 900}, color_scheme=theme, java_script_enabled=javascript
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"file://{file}")

    def part(self, name: str):
        """Problems or explorer, once its table is there."""
        part = self.page.locator(f"#{name}")
        part.scroll_into_view_if_needed()
        self.page.wait_for_selector(f"#{name}[data-ready]", timeout=60_000)
        return part

    def quiet(self) -> None:
        assert not self.said, self.said
        assert [url for url in self.asked if not url.startswith("file:")] == []


@pytest.fixture
def opened(browser):
    contexts = []

    def start(file: Path, **more) -> Opened:
        contexts.append(Opened(browser, file, **more))
        return contexts[-1]

    yield start
    for started in contexts:
        started.context.close()
