"""The page in real headless Chromium: keys, undo, reload, labels, notes, several reviewers, and kills."""

import json

from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.browser import Unheard, Visit, heard, needs_chromium, press, sent, until, verdicts
from tests.pipelines.review.looked_at import Server, kept, results_of

pytestmark = needs_chromium


def test_keys_undo_and_reload(chromium, page_server, looked_at):
    visit = Visit(chromium, page_server.url)
    with visit as page:
        assert page.url == f"http://127.0.0.1:{page_server.port}/"  # the token is not to be seen
        assert page.inner_text("h2 >> nth=0") == "Is this call?"
        press(page, "y", "n", "u")
        sent(page)
        assert verdicts(looked_at)[:4] == ["yes", "no", "unsure", None]
        assert page.inner_text("#count") == "3 of 30"
        assert "of 150 windows" in page.inner_text("#estimate")
        assert page.get_attribute("#bar", "aria-valuenow") == "3"
        assert page.inner_text("#live") == "Unsure. Window 4 of 30"
        press(page, "Backspace")
        sent(page)
        assert verdicts(looked_at)[:3] == ["yes", "no", None]
        assert until(page, "page.at === 2")
        # A second thought, and its undo.
        press(page, "ArrowLeft", "y")
        sent(page)
        assert verdicts(looked_at)[:3] == ["yes", "yes", None]
        press(page, "Backspace")
        sent(page)
        assert verdicts(looked_at)[:3] == ["yes", "no", None]
        page.reload()
        heard(page)
        assert page.inner_text("#count") == "2 of 30"
        assert page.evaluate("page.at") == 2  # the first that waits
        press(page, "Backspace")  # nothing is taken back that was said before
        assert verdicts(looked_at)[:3] == ["yes", "no", None]
        assert visit.errors == []
        # Nothing but this server was asked, not even for fonts.
        assert {url.split("/")[2] for url in visit.asked} == {f"127.0.0.1:{page_server.port}"}


def test_another_label_with_completion_and_a_note(chromium, page_server, looked_at):
    with Visit(chromium, page_server.url) as page:
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
        rows = list(kept(looked_at).values())
        assert [(row["verdict"], row["other_label"], row["note"]) for row in rows] == [
            ("other", "wren <b>", None), ("other", "nightjar", None), ("other", "jay", None),
            ("other", "nightjar", "yes, faint"), ("yes", None, None),
        ]  # fmt: skip


def test_the_score_is_hidden_unless_asked_for(chromium, page_server):
    with Visit(chromium, page_server.url) as page:
        assert "0.050" not in page.inner_text("body")
        press(page, "s")
        assert page.inner_text("#said") == "Score 0.050"
        press(page, "s")
        assert page.is_hidden("#said")


def test_a_killed_server_loses_nothing(chromium, looked_at):
    first = Server(looked_at, "--reviewer", "ana")
    with first, Visit(chromium, first.url) as page:
        press(page, "y", "y")
        sent(page)
        until(page, "page.sounds.kept.size > 4")  # the next ones are there already
        first.kill()
        page.keyboard.press("n")
        assert "The server is gone" in page.locator("#alarm").inner_text(timeout=10_000)
        page.keyboard.press("u")
        until(page, "document.querySelector('#alarm').textContent.includes('2 verdicts wait')")
        assert verdicts(looked_at)[:4] == ["yes", "yes", None, None]
        with Server(looked_at, "--reviewer", "ana") as second:
            assert second.port == first.port
            # The address that it prints, opened beside the old page.
            other = page.context.new_page()
            other.goto(second.url)
            heard(other)
            sent(other)
            until(page, "document.querySelector('#alarm').hidden")
            sent(page)
            assert verdicts(looked_at)[:5] == ["yes", "yes", "no", "unsure", None]
            press(page, "y")
            sent(page)
            assert verdicts(looked_at)[4] == "yes"


def test_a_killed_browser_loses_nothing(chromium, looked_at):
    with Server(looked_at, "--reviewer", "ana") as first:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(first.url)
        heard(page)
        page.route("**/verdicts", lambda route: route.abort())  # it crashes before the server has answered
        press(page, "y", "n")
        until(page, "page.outbox.memory.size === 2")
        page.close()
        assert verdicts(looked_at)[:2] == [None, None]
        page = context.new_page()
        page.goto(first.url)
        heard(page)
        sent(page)
        assert verdicts(looked_at)[:3] == ["yes", "no", None]
        assert page.inner_text("#count") == "2 of 30"
        context.close()


def test_a_recording_that_is_gone_is_passed_over(chromium, looked_at, tmp_path):
    (tmp_path / "recordings" / "a" / "20240101_060000.wav").unlink()
    with Server(looked_at) as server, Unheard(chromium, server.url) as page:
        until(page, "document.querySelector('#unheard')?.checkVisibility()")
        assert "gone" in page.inner_text("#unheard")
        page.keyboard.press("y")  # what was not heard is not judged
        assert page.evaluate("page.at") == 0
        page.evaluate("page.turnTo('single', 10)")
        press(page, "y")
        sent(page)
        assert verdicts(looked_at)[:12] == [None] * 10 + ["yes", None]


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
