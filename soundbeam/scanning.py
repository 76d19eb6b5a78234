"""Scans recordings, takes their embeddings, and searches among these."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundbeam.keywords import flags, plain, split
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    import pyarrow as pa

    Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class ScanSummary:
    """How a scan ended.

    Attributes:
        output: The folder of the tables.
        run: The name of the run; None if nothing was new.
        classifier: The bundle's fingerprint.
        recordings: status → number of files.
        hours, windows: How much was scanned.
        labels: How many labels the scan is about.
        calls: label → number of calls; of more than 100 labels only those with a call, the most frequent first.
        range: label → lowest and highest plausible number of calls.
        counted, heard: label → number of recordings that were counted, and of those with a call.
        bad: The first files that failed or are partial: status, recording, error.
        unchanged, gone: How many files were scanned before, and how many of those no longer exist.
        reused: Of how many recordings the stored scores of the same network were used again.
        before_since, after_until, outside_hours, without_hour: How many files were left out because of when they begin;
            the last ones because that is unknown and ``hours`` were given.
        renamed: How many files were scanned before under other names.
        duplicates: How many recordings are the same files as others, under other names.
        notes: Kind of note → number of recordings.
        left_out: Kind → how many files of the folders are no recordings by their names.
        hints: What patterns missed that they may have meant, a line each.
        resumed_runs: Runs that had been interrupted and were resumed.
        scan_s: How many seconds the scan took.
        licence: The classifier's, of an imported model.
        unlikely: label → number of calls that were left out as less expected there and then than ``min_expected``.
        unplaced: Why nothing is known to be expected → site → number of recordings.
        min_expected: As it was given.
        expects: Whether calls say how far they are expected there and then.
        built_for: ``dry run`` or ``template`` if the job was built but not run, else "".

    Example:
        >>> ScanSummary("results/", unchanged=3).run is None
        True
    """

    output: str
    run: str | None = None
    classifier: str | None = None
    recordings: dict[str, int] = dataclasses.field(default_factory=dict)
    hours: float = 0.0
    windows: int = 0
    labels: int = 0
    calls: dict[str, int] = dataclasses.field(default_factory=dict)
    range: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    counted: dict[str, int] = dataclasses.field(default_factory=dict)
    heard: dict[str, int] = dataclasses.field(default_factory=dict)
    bad: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unchanged: int = 0
    before_since: int = 0
    after_until: int = 0
    outside_hours: int = 0
    without_hour: int = 0
    gone: int = 0
    reused: int = 0
    renamed: int = 0
    duplicates: int = 0
    notes: dict[str, int] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    hints: list[str] = dataclasses.field(default_factory=list)
    resumed_runs: list[str] = dataclasses.field(default_factory=list)
    scan_s: float = 0.0
    licence: str = ""
    unlikely: dict[str, int] = dataclasses.field(default_factory=dict)
    unplaced: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    min_expected: float | None = None
    expects: bool = False
    built_for: str = ""


def scan(recordings: Path | Sequence[Path], classifier: Path, output: Path, **options: Any) -> ScanSummary:
    """Scans the recordings that are new or changed and writes the tables, as ``soundbeam scan`` does.

    Args:
        recordings: Files, globs, folders or ``@list.txt``; one or several.
        classifier, output: The bundle's folder, and the one for the tables.
        options: The other fields of `pipelines.scan.request.Scan` (``hop=0.5``, ``site="{site}/*"``), and Beam's
            options (``runner="FlinkRunner"``).

    Returns:
        What the program prints.

    Raises:
        ScanError: No file could be scanned; the tables say why.

    Example:
        >>> summary = scan("recordings/**/*.wav", "bundle/", "results/", hop=0.5)
        >>> summary.calls
        {'low': 2}
    """
    from soundbeam.pipelines.scan.program import parser
    from soundbeam.pipelines.scan.request import Scan

    return _listen(recordings, classifier, output, options, Scan, parser())


def embed(recordings: Path | Sequence[Path], classifier: Path, output: Path, **options: Any) -> ScanSummary:
    """Writes the embedding of every window of new or changed recordings, as ``soundbeam embed`` does.

    Args:
        recordings, classifier, output: As for `scan`; the output is a folder without a scan's tables.
        options: The other fields of `pipelines.scan.request.Listening`, and Beam's options.

    Returns:
        What the program prints.

    Raises:
        ScanError: No file could be read; the table ``recordings`` says why.

    Example:
        >>> summary = embed("recordings/**/*.wav", "bundle/", "embeddings/")
        >>> read_table("embeddings/", "embeddings").num_rows == summary.windows
        True
    """
    from soundbeam.pipelines.embed.program import parser
    from soundbeam.pipelines.embed.request import Embed

    return _listen(recordings, classifier, output, options, Embed, parser())


def search(
    embeddings: Path,
    query: Path | Sequence[Path],
    *,
    top: int = 100,
    per_recording: int = 2,
    classifier: Path | None = None,
    clips: Path | None = None,
    **options: Any,
) -> pa.Table:
    """Finds the windows whose embeddings are nearest to those of some clips, as ``soundbeam search`` does.

    Args:
        embeddings: The folder that `embed`, or a scan with ``embeddings=True``, wrote.
        query: Files, globs, folders, or parts of files: ``"night.wav@12.0-15.0"``. Of several the nearest counts.
        top, per_recording: How many windows to find, and how many at most of one recording.
        classifier: The embeddings' classifier, if it was moved.
        clips: A new folder for the sound of what is found.
        options: Beam's options.

    Returns:
        rank, similarity (a cosine), recording, start_s, end_s, channel, site, query and, with ``clips``, clip.

    Example:
        >>> found = search("embeddings/", "recording.wav@0-1", top=3)
        >>> round(found["similarity"][0].as_py(), 3)
        1.0
    """
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.search.nearest_windows import search as run
    from soundbeam.pipelines.search.program import parser
    from soundbeam.pipelines.search.request import Search

    queries = [query] if isinstance(query, (str, bytes, os.PathLike)) else query
    values = {"top": top, "per_recording": per_recording, "classifier": classifier, "clips": clips}
    own: dict[str, Any] = {name: plain(name, value) for name, value in values.items()}
    request = Search(path_text(embeddings, "embeddings"), [path_text(clip, "query") for clip in queries], **own)
    return run(request, beam_options(flags(options), option_names(parser())))


def _listen(
    recordings: Path | Sequence[Path],
    classifier: Path,
    output: Path,
    options: Mapping[str, Any],
    kind: Any,
    parser: Any,
) -> ScanSummary:
    """A run of a kind of `Listening`, whose program has a parser."""
    from soundbeam.pipelines.scan.job import scan as run
    from soundbeam.pipelines.scan.listening_options import beam_options
    from soundbeam.pipelines.scan.summary import check, figures_of

    own, beam_flags = split(options, kind)
    patterns = [recordings] if isinstance(recordings, (str, bytes, os.PathLike)) else recordings
    request = kind(
        [path_text(pattern, "recordings") for pattern in patterns],
        path_text(classifier, "classifier"),
        path_text(output, "output"),
        **own,
    )
    figures = figures_of(run(request, beam_options(flags(beam_flags), parser)), request.output)
    check(figures)
    return ScanSummary(output=request.output, **figures)
