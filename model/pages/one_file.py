"""HTML pages that are one file and load nothing from elsewhere: their templates, and what they hold as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2


def page_template(path: Path, **filters: Callable[..., Any]) -> jinja2.Template:
    """A template; it may include files of its own folder, and ``plain.css``, the look of plain pages.

    Labels, sites and paths may hold anything, also markup: what is filled in is escaped.

    Args:
        path: The template's file.
        filters: What it calls.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([path.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.get_template(path.name)


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as a URI that holds them.

    Args:
        kind: Their MIME type.
        content: The bytes.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
