"""The page in real headless Chromium: keys, undo, reload, grid, sound, widths, colours, names, and a killed server."""

import json

import numpy as np
import pytest
import soundfile

from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.browser import Visit, browser, heard, needs_chromium, until
from tests.pipelines.review.looked_at import HARMFUL, RATE, Server, results_of

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def output(tmp_path):
    return results_of(tmp_path)


@pytest.fixture
def server(output):
    with Server(output, "--reviewer", "ana") as running:
        yield running


def written(output):
    return {row["review_id"]: row for row in ReviewStore(str(output)).current().to_pylist()}


def verdicts(output):
    """The verdicts in the order of the windows, as far as there are any."""
    rows = ReviewStore(str(output)).samples()[0].rows.sort_by("rank")["review_id"].to_pylist()
    given = written(output)
    return [given[i]["verdict"] if i in given else None for i in rows]


def press(page, *keys):
    for key in keys:
        heard(page)
        page.keyboard.press(key)


def sent(page):
    until(page, "page.outbox.memory.size === 0 && !page.outbox.sending")


def test_keys_undo_and_reload(chromium, server, output):
    visit = Visit(chromium, server.url)
    with visit as page:
        assert page.url == f"http://127.0.0.1:{server.port}/"  # the token is not to be seen
        assert page.inner_text("h2 >> nth=0") == "Is this call?"
        press(page, "y", "n", "u")
        sent(page)
        assert verdicts(output)[:4] == ["yes", "no", "unsure", None]
        assert page.inner_text("#count") == "3 of 30"
        assert "of 150 windows" in page.inner_text("#estimate")
        assert page.get_attribute("#bar", "aria-valuenow") == "3"
        assert page.inner_text("#live") == "Unsure. Window 4 of 30"
        press(page, "Backspace")
        sent(page)
        assert verdicts(output)[:3] == ["yes", "no", None]
        assert until(page, "page.at === 2")
        # A second thought, and its undo.
        press(page, "ArrowLeft", "y")
        sent(page)
        assert verdicts(output)[:3] == ["yes", "yes", None]
        press(page, "Backspace")
        sent(page)
        assert verdicts(output)[:3] == ["yes", "no", None]
        page.reload()
        heard(page)
        assert page.inner_text("#count") == "2 of 30"
        assert page.evaluate("page.at") == 2  # the first that waits
        press(page, "Backspace")  # nothing is taken back that was said before
        assert verdicts(output)[:3] == ["yes", "no", None]
        assert visit.errors == []
        # Nothing but this server was asked, not even for fonts.
        assert {url.split("/")[2] for url in visit.asked} == {f"127.0.0.1:{server.port}"}


def test_another_label_with_completion_and_a_note(chromium, server, output):
    with Visit(chromium, server.url) as page:
        press(page, "o")
        page.keyboard.type("wr")
        page.keyboard.press("Tab")
        assert page.input_value("#name") == "wren <b>"
        page.keyboard.press("Enter")
        press(page, "o")
        page.keyboard.type("nightjar")
        assert page.locator("#names li").count() == 0
        page.keyboard.press("Enter")
        press(page, "o")
        page.keyboard.type("j")
        page.keyboard.press("ArrowDown")  # those that begin so come first
        assert page.get_attribute("#name", "aria-activedescendant") == "name-0"
        page.keyboard.press("Enter")
        heard(page)
        quick = page.locator("#quick button").all_inner_texts()
        assert quick[0].split() == ["1", "wren", "<b>"] and "nightjar" in " ".join(quick)
        press(page, "c")
        page.keyboard.type("yes, faint")  # letters of a note are no verdicts
        page.keyboard.press("Enter")
        press(page, "2")
        press(page, "o")
        page.keyboard.press("Escape")
        press(page, "y")
        sent(page)
        rows = list(written(output).values())
        assert [(row["verdict"], row["other_label"], row["note"]) for row in rows] == [
            ("other", "wren <b>", None), ("other", "nightjar", None), ("other", "jay", None),
            ("other", "nightjar", "yes, faint"), ("yes", None, None),
        ]  # fmt: skip


def test_the_score_is_hidden_unless_asked_for(chromium, server):
    with Visit(chromium, server.url) as page:
        assert "0.050" not in page.inner_text("body")
        press(page, "s")
        assert page.inner_text("#said") == "Score 0.050"
        press(page, "s")
        assert page.is_hidden("#said")


def test_what_is_played_is_the_files_sound(chromium, server, output):
    with Visit(chromium, server.url) as page:
        press(page, "ArrowRight", "ArrowRight")
        heard(page)
        start, rate, samples = page.evaluate("[page.sound.start, page.sound.rate, [...page.sound.samples]]")
        uri, at = page.evaluate("[page.window.uri, page.window.start_s]")
        whole, _ = soundfile.read(uri.removeprefix("file://"), dtype="float32")
        assert (rate, start) == (RATE, at - 2)
        assert np.array_equal(np.float32(samples), whole[round(start * RATE) : round((at + 4) * RATE)])
        # And so is the buffer that goes to the loudspeaker: what lies in the window, at its own rate.
        page.keyboard.press("w")
        until(page, "Boolean(page.player.playing)")
        played = np.float32(page.evaluate("[...page.player.playing.source.buffer.getChannelData(0)]"))
        assert np.array_equal(played, whole[round(at * RATE) : round((at + 2) * RATE)])
        assert page.evaluate("page.player.playing.source.buffer.sampleRate") == RATE


def test_playing_moves_a_cursor_and_can_be_slowed(chromium, server):
    with Visit(chromium, server.url) as page:
        press(page, ",", ",", " ", " ")
        page.keyboard.press("w")
        until(page, "page.player.position() > 0.01")
        assert page.evaluate("page.player.playing.source.playbackRate.value") == 0.25
        assert page.is_visible("#cursor")
        page.keyboard.press(" ")
        assert until(page, "page.player.playing === null")
        assert page.inner_text("#play").startswith("Play")
        box = page.locator("#picture").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        until(page, "page.player.playing?.start > 1")


def test_the_spectrogram_shows_a_tone_where_it_is(chromium, tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    t = np.arange(20 * RATE) / RATE
    path = tmp_path / "recordings" / "a.wav"
    tone = 0.3 * np.sin(2 * np.pi * 3000 * t) * ((t > 4.5) & (t < 5.5)) + 1e-4 * np.random.default_rng(
        0
    ).standard_normal(len(t))
    state = path.stat()
    soundfile.write(path, tone, RATE, subtype="PCM_16")
    import os

    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with Server(output) as server, Visit(chromium, server.url, viewport={"width": 1200, "height": 800}) as page:
        press(page, "ArrowRight", "ArrowRight")
        heard(page)
        picture = page.evaluate("""() => {
            const canvas = document.querySelector("#picture"), pen = canvas.getContext("2d"), {shown} = page.picture;
            const data = pen.getImageData(shown.left, shown.top, shown.width, shown.height);
            const light = [];
            for (let i = 0; i < data.data.length; i += 4) {
                light.push(data.data[i] + data.data[i + 1] + data.data[i + 2]);
            }
            return {...shown, columns: data.width, light};
        }""")
        light = np.array(picture["light"]).reshape(-1, picture["columns"])
        tone_at = np.argwhere(light > 0.7 * light.max())
        # The two white lines are the window's bounds.
        lines = (light > 500).all(axis=0)
        tone_at = tone_at[~lines[tone_at[:, 1]]]
        hz = picture["highest"] * (1 - (tone_at[:, 0] + 0.5) / light.shape[0])
        seconds = picture["start"] + picture["seconds"] * (tone_at[:, 1] + 0.5) / light.shape[1]
        assert np.median(hz) == pytest.approx(3000, abs=30)
        assert hz.min() > 2800 and hz.max() < 3200
        assert seconds.min() == pytest.approx(4.5, abs=0.03) and seconds.max() == pytest.approx(5.5, abs=0.03)


def test_the_grid(chromium, server, output):
    with Visit(chromium, server.url, viewport={"width": 1400, "height": 900}) as page:
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
        assert verdicts(output) == expected
        assert page.locator(".tile").count() == 6
        page.click("#turn")
        assert page.inner_text("#keep").startswith("Keep 0 yes, 6 no")
        page.keyboard.press("Backspace")  # takes all 24 back
        sent(page)
        assert verdicts(output) == [None] * 30
        assert page.locator(".tile").count() == 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_narrow_wide_light_and_dark(chromium, server, width, scheme):
    with Visit(chromium, server.url, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
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


def test_every_control_has_a_name(chromium, server):
    with Visit(chromium, server.url) as page:
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
    assert {row["label"] for row in written(output).values()} == {evil}
    assert "<svg onload=alert(1)>" in {row["other_label"] for row in written(output).values()}


def test_a_killed_server_loses_nothing(chromium, output):
    first = Server(output, "--reviewer", "ana")
    with first, Visit(chromium, first.url) as page:
        press(page, "y", "y")
        sent(page)
        until(page, "page.sounds.kept.size > 4")  # the next ones are there already
        first.kill()
        page.keyboard.press("n")
        assert "The server is gone" in page.locator("#alarm").inner_text(timeout=10_000)
        page.keyboard.press("u")
        until(page, "document.querySelector('#alarm').textContent.includes('2 verdicts wait')")
        assert verdicts(output)[:4] == ["yes", "yes", None, None]
        with Server(output, "--reviewer", "ana") as second:
            assert second.port == first.port
            # The address that it prints, opened beside the old page.
            other = page.context.new_page()
            other.goto(second.url)
            heard(other)
            sent(other)
            until(page, "document.querySelector('#alarm').hidden")
            sent(page)
            assert verdicts(output)[:5] == ["yes", "yes", "no", "unsure", None]
            press(page, "y")
            sent(page)
            assert verdicts(output)[4] == "yes"


def test_a_killed_browser_loses_nothing(chromium, output):
    with Server(output, "--reviewer", "ana") as first:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(first.url)
        heard(page)
        page.route("**/verdicts", lambda route: route.abort())  # it crashes before the server has answered
        press(page, "y", "n")
        until(page, "page.outbox.memory.size === 2")
        page.close()
        assert verdicts(output)[:2] == [None, None]
        page = context.new_page()
        page.goto(first.url)
        heard(page)
        sent(page)
        assert verdicts(output)[:3] == ["yes", "no", None]
        assert page.inner_text("#count") == "2 of 30"
        context.close()


def test_a_recording_that_is_gone_is_passed_over(chromium, output, tmp_path):
    (tmp_path / "recordings" / "a" / "20240101_060000.wav").unlink()
    with Server(output) as server, browser_page(chromium, server.url) as page:
        until(page, "document.querySelector('#unheard')?.checkVisibility()")
        assert "gone" in page.inner_text("#unheard")
        page.keyboard.press("y")  # what was not heard is not judged
        assert page.evaluate("page.at") == 0
        page.evaluate("page.turnTo('single', 10)")
        press(page, "y")
        sent(page)
        assert verdicts(output)[:12] == [None] * 10 + ["yes", None]


class browser_page:
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


def test_the_end_and_what_reviewers_say(chromium, tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    for reviewer, key in (("ana", "y"), ("ben", "n")):
        with Server(output, "--reviewer", reviewer) as server, Visit(chromium, server.url) as page:
            press(page, *[key] * 10) if reviewer == "ana" else press(page, "n", *["y"] * 9)
            sent(page)
            assert page.inner_text("#done-head") == "All windows are judged"
            if reviewer == "ben":
                page.keyboard.press("d")
                assert "ana, ben disagree on 1 window" in page.inner_text("#kappa")
                page.click("#disagreements button")
                heard(page)
                assert page.evaluate("page.at") == 0
            server.interrupt()
    with Server(output, "--adjudicate") as server, Visit(chromium, server.url) as page:
        assert page.inner_text("#said") == "ana: yes · ben: no"
        press(page, "y")
        sent(page)
    consensus = ReviewStore(str(output)).consensus().to_pylist()
    assert json.dumps(sorted(row["verdict"] for row in consensus)) == json.dumps(["yes"] * 10)
