"""soundbeam finds and counts sounds in any number of recordings.

Example:
    >>> import soundbeam
    >>> classifier = soundbeam.load_classifier("bundle/")
    >>> classifier.calls("recording.wav").num_rows
    2

Every path may be a `str`, a `pathlib.Path` or another `os.PathLike`; a URL is a `str`.

Importing soundbeam loads neither TensorFlow nor Beam; the functions that need them load them when they are called.
Errors that a user can correct are raised as a `SoundbeamError`; `soundbeam.model.errors` shows the tree.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if importlib.util.find_spec("soundbeam.model") is None:
    # A checkout on PYTHONPATH that was not installed: the three folders lie beside this one.
    __path__.append(os.path.dirname(__path__[0]))

from soundbeam.model.errors import BundleError, DecodeError, OptionError, ResultsError, ScanError, SoundbeamError
from soundbeam.reviewed import review_report

if TYPE_CHECKING:
    import pyarrow as pa

    from soundbeam.classifier import Classifier
    from soundbeam.programs import EvaluationFigures, ScanSummary

    Path = str | os.PathLike[str]

__all__ = [
    "BundleError", "DecodeError", "OptionError", "ResultsError", "ScanError", "SoundbeamError", "calibrate", "embed",
    "evaluate", "import_model", "load_classifier", "materialize", "read_table", "review_report", "scan", "search",
    "stream_table", "train",
]  # fmt: skip


def load_classifier(url: Path) -> Classifier:
    """Reads a classifier bundle.

    Args:
        url: The folder of the bundle: a local path or any fsspec URL.

    Raises:
        BundleError: It is not a bundle, or is damaged.

    Example:
        >>> load_classifier("bundle/").labels
        ('low',)
    """
    from soundbeam.classifier import Classifier
    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.model.storage.files import path_text

    return Classifier(load_bundle(path_text(url, "url")))


def import_model(model: Path, classifier: Path, **options: Any) -> Classifier:
    """Makes a classifier bundle of a model that others trained, as ``soundbeam import`` does.

    Args:
        model: A ``.tflite`` or ``.keras`` file, a SavedModel's folder, or ``birdnet``.
        classifier: The folder for the bundle; a bundle that is there is replaced.
        options: ``labels``, ``rate``, ``activation`` and the other fields of
            `model.classifier.imported.importing.Importing`.

    Raises:
        SoundbeamError: It is no model of sounds, or something that it does not say was not given.

    Example:
        >>> import_model("model.tflite", "imported/", rate=8000, activation="sigmoid").labels
        ('low', 'high')
    """
    from soundbeam.programs import import_model

    return import_model(model, classifier, options)


def materialize(clips: Path, examples: Path, **options: Any) -> dict[str, Any]:
    """Turns labelled clips into training examples, as ``soundbeam materialize`` does.

    Args:
        clips: A folder with one folder per label, or a CSV ``path,label[,start_s,end_s][,source]``.
        examples: The folder for the examples.
        options: The other fields of `pipelines.materialize.request.Materializing`, and Beam's options.

    Returns:
        The manifest.

    Example:
        >>> sorted(materialize("clips/", "examples/", rate=8000, window=1)["labels"])
        ['low', 'other']
    """
    from soundbeam.programs import materialize

    return materialize(clips, examples, options)


def train(examples: Path, classifier: Path, target: str | Sequence[str] = (), **options: Any) -> Classifier:
    """Trains a classifier on examples and writes its bundle, as ``soundbeam train`` does.

    Args:
        examples: The folder that `materialize` wrote.
        classifier: The folder for the bundle; a bundle that is there is replaced.
        target: The label, or labels, to detect; without it, all labels are distinguished.
        options: ``architecture``, ``base``, ``epochs``, ``folds``, ``weights`` and the other fields of
            `model.training.plan.Training`.

    Example:
        >>> trained = train("examples/", target="low", classifier="trained/", windows=640)
        >>> trained.labels
        ('low',)
    """
    from soundbeam.programs import train

    return train(examples, classifier, target, options)


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
    from soundbeam.programs import scan

    return scan(recordings, classifier, output, options)


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
    from soundbeam.programs import embed

    return embed(recordings, classifier, output, options)


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
    from soundbeam.programs import search

    values = {"top": top, "per_recording": per_recording, "classifier": classifier, "clips": clips}
    return search(embeddings, query, values, options)


def evaluate(
    annotations: Path | None = None, output: Path = "", *, clips: Path | None = None, precision: float | None = None
) -> EvaluationFigures:
    """Compares a scan with annotations, or a scan of clips with their labels, as ``soundbeam evaluate`` does.

    Args:
        annotations: A CSV ``recording,start_s,end_s,label``.
        output: The scan's output folder.
        clips: Instead of annotations: labelled clips that were scanned.
        precision: Also report the threshold for this precision of calls.

    Example:
        >>> figures = evaluate("annotations.csv", "results/")
        >>> figures.labels["low"]["counts"]["exact"]
        1
    """
    from soundbeam.programs import evaluate

    return evaluate(annotations, output, clips, precision)


def calibrate(
    classifier: Path,
    annotations: Path | None = None,
    output: Path | None = None,
    to: Path = "",
    precision: float | None = None,
    *,
    reviews: Path | None = None,
) -> Classifier:
    """Sets thresholds, rules and probabilities from a scan and annotations or reviews, as ``soundbeam calibrate`` does.

    Args:
        classifier, output: Folders of the bundle and of a scan with it; nothing is decoded again.
        annotations: A CSV ``recording,start_s,end_s,label`` of recordings whose calls are all known.
        to, precision: The new bundle's folder, and the share of calls that should be right; None: the best F1.
        reviews: Instead of ``annotations`` and ``output``: the folder of a scan whose windows were reviewed.

    Example:
        >>> calibrate("bundle/", "annotations.csv", "results/", "calibrated/").labels
        ('low',)
    """
    from soundbeam.programs import calibrate

    return calibrate(classifier, annotations, output, to, precision, reviews)


def read_table(
    output: Path,
    table: str,
    run: str | None = None,
    classifier: str | None = None,
    columns: Sequence[str] | None = None,
    recordings: Collection[str] | None = None,
    zeros: bool = False,
) -> pa.Table:
    """The current rows of one table of a scan, or its ``reviews``; see `pipelines.results.read` for the arguments.

    Raises:
        ResultsError: There is no such table, column, run or classifier.

    Example:
        >>> read_table("results/", "counts")["calls"].to_pylist()
        [2]
    """
    from soundbeam.reading import read

    return read(output, table, run, classifier, columns, recordings, zeros)


def stream_table(
    output: Path,
    table: str,
    run: str | None = None,
    classifier: str | None = None,
    columns: Sequence[str] | None = None,
    recordings: Collection[str] | None = None,
    zeros: bool = False,
) -> Iterator[pa.Table]:
    """Yields the same rows in parts, for a table that is larger than memory.

    Example:
        >>> sum(len(part) for part in stream_table("results/", "calls", columns=["score"]))
        2
    """
    from soundbeam.pipelines.results import stream

    return stream(output, table, run, classifier, columns, recordings, zeros)
