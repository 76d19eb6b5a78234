"""The grid, widths, colours, names of controls and names that do harm, in real headless Chromium."""

import numpy as np
import pytest

from tests.pipelines.review.browser import Visit, needs_chromium, press, sent, until, verdicts
from tests.pipelines.review.looked_at import HARMFUL, Server, kept, results_of

pytestmark = needs_chromium


def test_the_grid(chromium, page_server, looked_at):
    with Visit(chromium, page_server.url, viewport={"width": 1400, "height": 900}) as page:
        press(page, "g")
        assert page.locator(".tile").count() == 24
        assert page.inner_text("#keep").startswith("Keep 24 yes, 0 no")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("u")
        page.locator(".tile >> nth=5").click()
        assert page.inner_text("#keep").startswith("Keep 21 yes, 2 no, 1 unsure")
        columns = page.evaluate(
            "getComputedStyle(document.querySelector('#tiles')).gridTemplateColumns.split(' ').length"
        )
        until(page, "page.grid.tiles.every(tile => tile.canvas.width > 100)")
        page.keyboard.press("Enter")
        sent(page)
        expected = ["yes"] * 24 + [None] * 6
        expected[1], expected[5], expected[1 + columns] = "no", "no", "unsure"
        assert verdicts(looked_at) == expected
        assert page.locator(".tile").count() == 6
        page.click("#turn")
        assert page.inner_text("#keep").startswith("Keep 0 yes, 6 no")
        page.keyboard.press("Backspace")  # takes all 24 back
        sent(page)
        assert verdicts(looked_at) == [None] * 30
        assert page.locator(".tile").count() == 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_narrow_wide_light_and_dark(chromium, page_server, width, scheme):
    with Visit(chromium, page_server.url, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        for key in ("", "g"):
            if key:
                page.keyboard.press(key)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shown = page.evaluate("""() => [...document.querySelectorAll("button, input, select, canvas")]
                .filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect()).map(r => [r.left, r.right])""")
            assert all(left >= 0 and right <= width for left, right in shown)
        ground, ink = page.evaluate("""() => {
            const style = getComputedStyle(document.documentElement);
            return [style.backgroundColor, style.color].map(c => c.match(/\\d+/g).slice(0, 3).map(Number));
        }""")
        assert (sum(ground) < sum(ink)) == (scheme == "dark")
        assert _contrast(ground, ink) > 7


def _contrast(one, other):
    """WCAG's ratio of two colours."""

    def light(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    a, b = sorted([light(one), light(other)])
    return (b + 0.05) / (a + 0.05)


def test_every_control_has_a_name(chromium, page_server):
    with Visit(chromium, page_server.url) as page:
        for key in ("", "o", "g", "?"):
            if key:
                page.keyboard.press(key)
            if key == "o":
                page.keyboard.press("Escape")
            unnamed = page.evaluate("""() =>
                [...document.querySelectorAll("button, input, select, canvas, dialog[open]")]
                .filter(e => e.checkVisibility() && !e.closest(".tile canvas, canvas:not([role])"))
                .filter(e => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0]?.textContent.trim()
                    || e.getAttribute("aria-labelledby"))).map(e => e.outerHTML)""")
            assert unnamed == []
        assert page.is_visible("#help")
        page.keyboard.press("Escape")
        assert page.is_hidden("#help")


def test_names_do_nothing(chromium, tmp_path):
    evil = "<script>document.title='harm'</script>\"'\n&amp;"
    output = results_of(tmp_path, names=(HARMFUL,), label=evil, labels=(evil, "<img src=x onerror=alert(1)>"))
    visit_errors = []
    with Server(output, "--reviewer", "<b>ana</b>") as server:
        visit = Visit(chromium, server.url)
        with visit as page:
            page.on("dialog", lambda dialog: (visit_errors.append(dialog.message), dialog.dismiss()))
            assert page.text_content("#label") == evil
            assert HARMFUL in page.inner_text("#meta")
            assert "<b>ana</b>" in page.inner_text("#where")
            press(page, "1", "o")
            page.keyboard.type("<svg onload=alert(1)>")
            page.keyboard.press("Enter")
            press(page, "g")
            page.keyboard.press("Enter")
            sent(page)
            assert page.locator("script").count() == 1 and page.locator("img, svg, b").count() == 0
            assert page.title().startswith("Review")
        assert visit.errors == [] and visit_errors == []
    assert {row["label"] for row in kept(output).values()} == {evil}
    assert "<svg onload=alert(1)>" in {row["other_label"] for row in kept(output).values()}
