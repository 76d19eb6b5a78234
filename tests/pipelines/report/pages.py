"""Reads a report as a reader would: its text, its tables and the CSV files that its links save."""

import base64
import gzip
import html.parser
import io
import re

import pandas as pd


class _Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.files, self.tags, self.text, self.hidden = {}, [], [], 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.hidden += tag == "style"
        if "download" in values:
            self.files[values["download"]] = values["href"]

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


class Page:
    """A report.

    Attributes:
        html: All of it.
        text: What a reader sees.
        tags: (tag, attributes) of every element.
    """

    def __init__(self, path):
        self.html = path.read_text(encoding="utf-8")
        links = _Links()
        links.feed(self.html)
        self.files, self.tags = links.files, links.tags
        self.text = " ".join(" ".join(links.text).split())

    def csv(self, name):
        """A file that the page holds, packed or not."""
        name = name if name in self.files else f"{name}.gz"
        content = base64.b64decode(self.files[name].split("base64,", 1)[1])
        return pd.read_csv(io.BytesIO(gzip.decompress(content) if name.endswith(".gz") else content))

    def loads_nothing(self):
        """Whether no element refers to anything outside of the page."""
        for _tag, values in self.tags:
            for name in ("src", "href", "xlink:href", "data", "poster", "action"):
                if values.get(name) and not values[name].startswith(("data:", "#")):
                    return False
        return not re.search(r"https?:|@import|url\((?!#|['\"]?data:)", self.html)
