"""What docs/review.md says of the page: keys, pictures and sizes."""

import re

from soundbeam.pipelines.review.page_app import page_files
from tests import ROOT

DOCS = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")


def test_every_key_of_the_docs_is_in_the_pages_help():
    looking = DOCS.partition("## Looking")[2].partition("\n## ")[0]
    keys = re.findall(r"^\|([^|]*)\|", looking, re.MULTILINE)[2:]
    page = page_files()["index.html"][0].decode()
    shown = set(re.findall(r"<kbd>(.*?)</kbd>", page.partition('id="help"')[2]))
    for key in re.findall(r"`(.+?)`", " ".join(keys)):
        assert key in shown, key


def test_the_pictures_are_there_and_small():
    for name in re.findall(r"\]\((images/review.*?\.png)\)", DOCS):
        assert 0 < (ROOT / "docs" / name).stat().st_size < 200_000


def test_the_page_asks_for_nothing_from_elsewhere():
    for name, (content, kind) in page_files().items():
        text = content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http:" not in text and "https:" not in text and "//cdn" not in text, name
        assert kind.endswith("charset=utf-8")
    assert {"index.html", "review.js", "style.css"} <= page_files().keys()
