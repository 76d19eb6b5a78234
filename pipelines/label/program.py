"""Prints the labels with the highest scores for each clip.

    soundbeam label clip.wav another.flac --classifier bundle/
    soundbeam label clips/ --classifier bundle/ --top 3 --json labels.json

For a few clips at once, one after the other; many are scanned with ``soundbeam scan``. A clip's scores are those of its
windows: their mean where one of many labels is true, the highest where several may be (a detector's).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from soundbeam.model.numbers import number
from soundbeam.pipelines.console.arguments import Parser, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import plain, say
from soundbeam.pipelines.recording_names import short_names


@program("label")
def main(argv: list[str] | None = None) -> int:
    """Runs the program; the exit code is 1 when no clip could be read."""
    parser = Parser(
        "label",
        "Prints the labels with the highest scores for each clip.",
        "soundbeam label clip.wav another.flac --classifier bundle/",
    )
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="files, globs or folders; local or any fsspec URL")
    parser.add_argument("--classifier", required=True, metavar="DIR", help="a bundle made by 'soundbeam train'")
    parser.add_argument("--top", type=positive_int, default=5, metavar="N", help="labels per clip (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="also write all scores there; path or fsspec URL")
    options = parser.parse_args(argv)

    from soundbeam.model.classifier.bundle import load_bundle

    bundle = load_bundle(options.classifier)
    clips, errors = _list_clips(options.clips)
    uris = [clip.uri for clip in clips]
    names = short_names(uris) if len(uris) > 1 else {uri: uri.rpartition("/")[2] for uri in uris}
    scored: list[dict[str, Any]] = []
    for uri, scores in _score_clips(clips, bundle, errors):
        order = np.argsort(-scores, kind="stable")
        top = ", ".join(f"{bundle.labels[i]} {number(float(scores[i]))}" for i in order[: options.top].tolist())
        say(f"{names[uri]}: {top}")
        scored.append({"clip": uri, "scores": dict(zip(bundle.labels, scores.round(6).tolist(), strict=True))})
    for error in errors:
        print(f"soundbeam label: {plain(error)}", file=sys.stderr)
    if options.json:
        from soundbeam.model.storage.files import open_to_write

        with open_to_write(options.json, "w") as f:
            json.dump({"classifier": bundle.fingerprint, "clips": scored, "errors": errors}, f, indent=1)
        say(f"all scores: {options.json}")
    return 0 if scored else 1


def _list_clips(patterns: list[str]) -> tuple[list[Any], list[str]]:
    """Lists the clips that match some patterns, each once, and the errors of those that cannot be read."""
    from soundbeam.transforms.listing.patterns import list_recordings
    from soundbeam.transforms.records import Recording

    clips, errors = dict[str, Recording](), list[str]()
    for pattern in patterns:
        rows = list(list_recordings(pattern))
        clips |= {row.uri: row for row in rows if isinstance(row, Recording)}
        errors += [
            f"{row.recording.uri}: {row.error}"
            for row in rows
            if not isinstance(row, Recording) and row.status != "skipped"
        ]
        if not rows:
            errors.append(f"{pattern}: no audio file there")
    return list(clips.values()), errors


def _score_clips(recordings: list[Any], bundle: Any, errors: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """(URI, ``[labels]``) of each clip that has sound; errors are appended to ``errors``."""
    from soundbeam.model.classifier.clip_scores import clip_scores
    from soundbeam.model.windows import WindowSpec
    from soundbeam.transforms.decoding.recording import decode_recording
    from soundbeam.transforms.records import DecodeReport

    spec = WindowSpec(bundle.rate, bundle.window_s, bundle.hop_s)
    scorer, parts = None, list[np.ndarray]()
    for recording in recordings:
        for part in decode_recording(recording, spec):
            if not isinstance(part, DecodeReport):
                scorer = scorer or bundle.scorer()  # loaded for the first clip that has sound
                parts.append(scorer.score_segment(part.samples, part.offsets))
            elif part.error:
                errors.append(f"{recording.uri}: {part.status}: {part.error}")
        if parts:
            yield recording.uri, clip_scores(np.concatenate(parts), bundle.task)
        parts.clear()


if __name__ == "__main__":
    sys.exit(main())
