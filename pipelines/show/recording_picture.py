"""Draws a part of a recording: its spectrogram with the calls, and below it the scores of the windows."""

from __future__ import annotations

import dataclasses
from typing import Any, BinaryIO

import numpy as np

from soundbeam.model.pictures.lettering import lettering, shorten
from soundbeam.model.pictures.spectrogram import mel, mel_spectrogram_db

_COLOURS = ("#2ec4f1", "#ffb000", "#7ee081", "#ff6f91", "#c79bff", "#f5f5f5")
_DARK, _PAPER, _INK, _FAINT = "#101418", "#ffffff", "#20262c", "#8a949e"
_TEXTS = 60  # if there are more calls, their scores are not written
_TICKS_HZ = (0, 250, 500, 1000, 2000, 4000, 8000, 16000)
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelTrack:
    """What is drawn for one label.

    Attributes:
        label: Its name.
        middles_s: ``[windows]``: the windows' middles, seconds from the start of the recording.
        scores: ``[windows]``.
        threshold: None when it is not known.
        calls: (start, end, score) of each call.
    """

    label: str
    middles_s: np.ndarray
    scores: np.ndarray
    threshold: float | None
    calls: list[tuple[float, float, float]]


def draw(
    file: BinaryIO, samples: np.ndarray, rate: int, start_s: float, tracks: list[LabelTrack], title: str, subtitle: str
) -> str:
    """Writes a PNG.

    Args:
        file: To write into.
        samples: float32 ``[samples]``: the sound of that part.
        rate: Hz.
        start_s: Where that part starts in the recording.
        tracks: One for each label; the colours repeat after six.
        title: In large type.
        subtitle: Below the title, in small type.

    Returns:
        The characters that no font of this machine has; they are drawn as ``\\uXXXX``.
    """
    with lettering([title, subtitle, *(track.label for track in tracks)]) as letters:
        named = [dataclasses.replace(track, label=letters.written(track.label)) for track in tracks]
        _draw(file, samples, rate, start_s, named, letters.written(title), letters.written(subtitle))
    return letters.missing


def _draw(
    file: BinaryIO, samples: np.ndarray, rate: int, start_s: float, tracks: list[LabelTrack], title: str, subtitle: str
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    end_s = start_s + len(samples) / rate
    figure = Figure(figsize=(14, 7), dpi=110, facecolor=_PAPER)
    renderer = FigureCanvasAgg(figure).get_renderer()
    grid = figure.add_gridspec(
        2, 2, height_ratios=(3.2, 1), width_ratios=(1, 0.012), hspace=0.07, wspace=0.02,
        left=0.06, right=0.945, top=0.865, bottom=0.075,
    )  # fmt: skip
    top = figure.add_subplot(grid[0, 0])
    bottom = figure.add_subplot(grid[1, 0], sharex=top)
    width = 0.92 * figure.bbox.width
    shorten(figure.text(0.06, 0.955, title, fontsize=14, fontweight="bold", color=_INK, va="center"), renderer, width)
    shorten(figure.text(0.06, 0.922, subtitle, fontsize=9.5, color=_FAINT, va="center"), renderer, width)

    image = _spectrogram(top, samples, rate, start_s, end_s)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[0, 1]))
    bar.set_label("dB of full scale", fontsize=8.5, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK, length=2)
    bar.outline.set_visible(False)  # type: ignore[operator]  # the stubs declare outline as a function
    lines = []
    for i, track in enumerate(tracks):
        colour = _COLOURS[i % len(_COLOURS)]
        _calls(top, bottom, track, colour, (start_s, end_s))
        lines.append(_scores(bottom, track, colour))
    _finish(top, bottom, start_s, end_s)
    if len(tracks) > 1:
        _legend(bottom, lines, [track.label for track in tracks], renderer)
    figure.savefig(file, format="png", facecolor=_PAPER)


def _spectrogram(axes, samples: np.ndarray, rate: int, start_s: float, end_s: float):
    picture = mel_spectrogram_db(samples, rate)
    audible = picture[picture > -119]  # digital silence says nothing of the noise
    low, high = np.percentile(audible, (12, 99.9)) if audible.size else (-120.0, -60.0)
    image = axes.imshow(
        picture, aspect="auto", origin="lower", cmap="magma", vmin=low, vmax=max(high, low + 20),
        extent=(start_s, end_s, 0.0, float(mel(rate / 2))), interpolation="nearest",
    )  # fmt: skip
    ticks = [hz for hz in _TICKS_HZ if hz <= rate / 2]
    axes.set_yticks(mel(np.array(ticks)), [f"{hz / 1000:g}" for hz in ticks])
    axes.set_ylabel("kHz (mel scale)", fontsize=9.5, color=_INK)
    return image


def _calls(top, bottom, track: LabelTrack, colour: str, interval: tuple[float, float]) -> None:
    height = top.get_ylim()[1]
    shown = [c for c in track.calls if c[1] > interval[0] and c[0] < interval[1]]
    for start, end, score in shown:
        top.axvspan(start, end, ymin=0.004, ymax=0.996, fill=False, edgecolor=colour, linewidth=1.3, alpha=0.9)
        bottom.axvspan(start, end, color=colour, alpha=0.22, linewidth=0)
        middle = (max(start, interval[0]) + min(end, interval[1])) / 2
        if len(shown) <= _TEXTS:
            text = f"{score:.2f}" if score < 0.995 else "1.0"
            top.text(
                middle, height * 1.012, text, fontsize=7.5, color=_INK, ha="center", va="bottom",
                rotation=90 if len(shown) > 30 else 0, clip_on=False,
            )  # fmt: skip


def _scores(axes, track: LabelTrack, colour: str):
    """Draws a label's scores; returns their line."""
    marker, size = ("o" if len(track.middles_s) <= 400 else None), (5 if len(track.middles_s) <= 3 else 2.2)
    (line,) = axes.plot(track.middles_s, track.scores, color=colour, linewidth=1.2, marker=marker, markersize=size)
    if track.threshold is not None:
        axes.axhline(track.threshold, color=colour, linewidth=0.9, linestyle=(0, (5, 3)), alpha=0.9)
        axes.annotate(
            f"threshold\n{track.threshold:.2g}", (1, track.threshold), xycoords=("axes fraction", "data"), fontsize=7.5,
            xytext=(5, 0), textcoords="offset points", va="center", color=_INK,
        )  # fmt: skip
    return line


def _legend(axes, lines: list[Any], labels: list[str], renderer) -> None:
    legend = axes.legend(
        lines, [str(i) for i in range(len(labels))],
        loc="upper left", fontsize=8, ncols=len(labels), facecolor=_DARK, edgecolor="none", labelcolor=_PAPER,
    )  # fmt: skip
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)  # given as labels, those that start with _ would be left out
        shorten(text, renderer, axes.bbox.width / len(labels) - 60)


def _finish(top, bottom, start_s: float, end_s: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step = next((s for s in _STEPS_S if (end_s - start_s) / s <= 16), _STEPS_S[-1])
    bottom.set_facecolor(_DARK)
    bottom.set_ylim(-0.04, 1.04)
    bottom.set_yticks((0, 0.5, 1))
    bottom.set_ylabel("score of a window", fontsize=9.5, color=_INK)
    bottom.set_xlabel("minutes : seconds from the start of the recording", fontsize=9.5, color=_INK)
    bottom.xaxis.set_major_locator(MultipleLocator(step))
    bottom.xaxis.set_major_formatter(FuncFormatter(lambda s, _: minutes(s, step)))
    bottom.grid(color="#39424b", linewidth=0.5)
    bottom.set_axisbelow(True)
    bottom.set_xlim(start_s, end_s)
    top.tick_params(labelbottom=False)
    for axes in (top, bottom):
        axes.tick_params(labelsize=8.5, colors=_INK, length=3)
        for spine in axes.spines.values():
            spine.set_visible(False)


def minutes(seconds: float, step: float = 1.0) -> str:
    """Seconds as ``m:ss``, with tenths where ticks are less than a second apart."""
    tenths = round(seconds * 10)
    text = f"{tenths // 600}:{tenths % 600 // 10:02d}"
    return f"{text}.{tenths % 10}" if step < 1 else text
