"""Names in pictures: which fonts draw them, and what stands where none can."""

import io
import shutil
import warnings

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.pictures.lettering import lettering, shorten

ROOM = 900  # pixels


def font(path, family, characters, width=900, empty=False):
    """A font whose characters are all one black square; or nothing, as in fonts of coloured pictures."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *(f"u{ord(c):04X}" for c in characters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(c): f"u{ord(c):04X}" for c in characters})
    pen = TTGlyphPen(None)
    if not empty:
        pen.moveTo((0, 0)), pen.lineTo((0, width)), pen.lineTo((width, width)), pen.lineTo((width, 0)), pen.closePath()
    glyph = pen.glyph()
    builder.setupGlyf(dict.fromkeys(names, glyph))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def machine(monkeypatch):
    """Sets the fonts of this machine, besides those of matplotlib."""
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))

    def has(*paths):
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: list(paths))

    has()
    return has


def ink(text, letters):
    """How many pixels a text darkens; inside `lettering`."""
    figure = Figure(figsize=(9, 1), dpi=100)
    FigureCanvasAgg(figure)
    figure.text(0.01, 0.5, letters.written(text), fontsize=20)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a missing glyph
        figure.savefig(file, format="png")
    return int((matplotlib.image.imread(io.BytesIO(file.getvalue()))[:, :, 0] < 0.5).sum())


def test_characters_come_from_whatever_fonts_have_them(machine, tmp_path):
    machine(
        font(tmp_path / "Kana Sans.ttf", "Kana Sans", "ガビ"),
        font(tmp_path / "Bird Sans.ttf", "Bird Sans", "鷹"),
        font(tmp_path / "LastResort.ttf", "Last Resort", "ガビ鷹🦉"),
        font(tmp_path / "Colour Sans.ttf", "Colour Sans", "🦉", empty=True),
        str(tmp_path / "gone.ttf"),
    )
    shutil.copy(__file__, tmp_path / "broken.ttf")
    with lettering(["ガビ鷹.wav"]) as letters:
        assert letters.missing == "" and letters.written("ガビ鷹") == "ガビ鷹"
        assert ink("ガビ鷹", letters) == pytest.approx(3 * ink("ガ", letters), rel=0.1)
    with lettering(["鷹🦉", "broken"]) as letters:
        assert letters.missing == "🦉" and letters.written("a鷹🦉") == "a鷹\\U0001f989"


def test_where_no_font_has_them_their_codes_are_drawn(machine):
    with lettering(["録音 a", "Gru\u0308n"]) as letters:
        assert letters.missing == "録音"
        assert letters.written("録 a") == "\\u9332 a" and letters.written("Gru\u0308n") == "Gr\u00fcn"
        assert ink("録音", letters) > 0


def test_a_decomposed_name_needs_only_the_composed_characters(machine, tmp_path):
    machine(font(tmp_path / "Kana Sans.ttf", "Kana Sans", "ガ"))
    with lettering(["カ\u3099"]) as letters:
        assert letters.missing == "" and letters.written("カ\u3099") == "ガ"


@pytest.mark.parametrize("text", ["$5_a$", "$x^{$", "a $ b", "_x", "\\alpha", "%s {}"])
def test_no_text_is_a_formula_and_the_users_own_settings_do_not_count(machine, text):
    with matplotlib.rc_context({"text.usetex": True, "font.family": "cursive"}):
        with lettering([text]) as letters:
            assert letters.written(text) == text and ink(text, letters) > 0
        assert matplotlib.rcParams["text.usetex"] and matplotlib.rcParams["font.family"] == ["cursive"]


@pytest.mark.parametrize("length", [1, 5, 60, 300, 100_000])
def test_a_long_text_keeps_its_ends(length):
    figure = Figure(figsize=(9, 1), dpi=100)
    renderer = FigureCanvasAgg(figure).get_renderer()
    text = "A" * (length - length // 2) + "Z" * (length // 2)
    artist = figure.text(0, 0, text)
    shorten(artist, renderer, ROOM)
    shown = artist.get_text()
    assert artist.get_window_extent(renderer).width <= ROOM
    assert shown == text if length <= 60 else shown.startswith("AAA") and shown.endswith("ZZZ") and "…" in shown


def test_a_confusion_matrix_takes_any_labels(machine):
    labels = ["$x^{$", "_a", "録", "b" * 200]
    assert draw_confusion(io.BytesIO(), np.eye(4, dtype=int), labels, "4 clips") == "録"
