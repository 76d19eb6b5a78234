"""A real browser on the page: headless Chromium, driven by playwright."""

import contextlib
import shutil
import time

import pytest

from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.looked_at import kept

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
# Without a user's gesture a browser plays nothing; this one hears nobody. It plays to a device that discards all.
OPTIONS = ["--no-sandbox", "--mute-audio"]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@contextlib.contextmanager
def browser():
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            yield running
        finally:
            running.close()


def until(page, expression, seconds=20.0):
    """Waits until a JavaScript expression is true, and returns it. The page's policy keeps playwright from it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := page.evaluate(expression):
            return value
        time.sleep(0.03)
    raise AssertionError(f"not true within {seconds:g} s: {expression}")


def heard(page):
    """Waits until the present window's sound is there, drawn and playing or played."""
    until(page, "Boolean(globalThis.page?.sound && globalThis.page.picture.shown)")


class Visit:
    """A page in a context of its own: what it said on its console, and which requests left it."""

    def __init__(self, running, url, **options):
        self.context = running.new_context(**options)
        self.page = self.context.new_page()
        self.errors, self.asked = [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        heard(self.page)

    def __enter__(self):
        return self.page

    def __exit__(self, *_):
        self.context.close()


def verdicts(output):
    """The verdicts in the order of the windows, as far as there are any."""
    rows = ReviewStore(str(output)).samples()[0].rows.sort_by("rank")["review_id"].to_pylist()
    given = kept(output)
    return [given[i]["verdict"] if i in given else None for i in rows]


def press(page, *keys):
    """Presses keys, each when the present window is heard."""
    for key in keys:
        heard(page)
        page.keyboard.press(key)


def sent(page):
    """Waits until the server has said that all verdicts are written."""
    until(page, "page.outbox.memory.size === 0 && !page.outbox.sending")


class Unheard:
    """A page whose first window need not be heard."""

    def __init__(self, running, url):
        self.context = running.new_context()
        self.url = url

    def __enter__(self):
        page = self.context.new_page()
        page.goto(self.url)
        until(page, "Boolean(globalThis.page)")
        return page

    def __exit__(self, *_):
        self.context.close()
