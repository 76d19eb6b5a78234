"""The words of ``soundbeam review``."""

import pytest

from soundbeam.pipelines.review.program import WORDS
from soundbeam.pipelines.review.program import main as review


def test_the_help_lists_the_words(capsys):
    with pytest.raises(SystemExit) as ended:
        review(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "--output" in said
    assert all(f"  soundbeam review {word:<7} {what}" in said for word, (_, what) in WORDS.items())


@pytest.mark.parametrize("word", ["sample", "next", "import"])
def test_each_word_has_its_help(word, capsys):
    with pytest.raises(SystemExit) as ended:
        review([word, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: soundbeam review {word}" in said
    assert f"example:\n  soundbeam review {word} " in said


def test_a_word_that_is_none(capsys):
    assert review(["smaple"]) == 2
    assert capsys.readouterr().err == (
        "soundbeam review: error: no word 'smaple'; there are sample, next, import, report\n"
    )
