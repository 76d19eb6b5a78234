"""The store of reviews in a scan's output folder: which windows were drawn, and what people said of them.

OUTPUT/samples/NAME.parquet     one file for each draw
OUTPUT/reviews/NAME.parquet     verdicts, a file for each that was given: written whole, never changed

A verdict is written before its reviewer is told so. Over 200 files are joined into one: first the joined file is
written, then the others are removed, and equal rows count once. So no crash and no second process loses a verdict.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import os
import secrets
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from soundbeam.model.errors import OptionError, ResultsError
from soundbeam.model.storage.files import write_at_once
from soundbeam.model.storage.parquet import open_parquet, read_rows, sort_rows
from soundbeam.model.storage.stores import one_line
from soundbeam.pipelines import results
from soundbeam.pipelines.review.samples import REVIEWS, SAMPLE_METADATA, SAMPLES, Sample, SampleInfo

# What a person says of a window: the label is there, or not; it cannot be told; another label is there instead; or
# an earlier verdict is taken back.
VERDICTS = ("yes", "no", "unsure", "other", "withdrawn")
# The reviewer whose verdict counts where others disagree.
ADJUDICATED = "adjudicated"
_MOST_FILES = 200
_TICK = datetime.timedelta(microseconds=1)
_ATTEMPTS = 5  # to read files that another process joins meanwhile


def review_id(recording: str, channel: int | None, label: str, start_s: float) -> str:
    """The identity of a window for review: the same for every draw, 16 hexadecimal digits."""
    name = "\0".join([recording, "" if channel is None else str(channel), label, str(round(start_s * 1000))])
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class ReviewStore:
    """The samples and verdicts in an output folder. Files that were read once are not read again.

    Args:
        output: The scan's output folder, a local path or any fsspec URL.
    """

    def __init__(self, output: str):
        self._output = results.open_output(output)
        self._lock = threading.RLock()
        self._samples: dict[str, Sample] = {}
        self._verdicts: dict[str, pa.Table] = {}
        self._newest: datetime.datetime | None = None  # when the newest verdict was given

    def samples(self) -> list[Sample]:
        """The draws, oldest first.

        Raises:
            ResultsError: A file is damaged or cannot be read.
        """
        with self._lock:
            self._samples = self._all("samples", self._samples, self._read_sample)
            return sorted(self._samples.values(), key=lambda s: (s.info.drawn_at, s.name))

    def add_sample(self, info: SampleInfo, rows: pa.Table) -> Sample:
        """Keeps a draw.

        Args:
            info: How it was drawn. Its name must be new.
            rows: The windows; columns as in `samples.SAMPLES`.

        Raises:
            OptionError: There is a sample of this name.
        """
        path = f"{self._output.path}/samples/{info.name}.parquet"
        if self._output.fs.exists(path):
            raise OptionError(f"{self._output.user_url}: there is a sample {info.name!r} already")
        rows = rows.select(SAMPLES.names).cast(SAMPLES).replace_schema_metadata({SAMPLE_METADATA: info.to_json()})
        self._write(path, rows)
        return Sample(info.name, info, rows)

    def verdicts(self) -> pa.Table:
        """All verdicts ever given, revised ones too, oldest first; columns as in `samples.REVIEWS`."""
        with self._lock:
            self._verdicts = self._all("reviews", self._verdicts, self._read_verdicts)
            rows = pa.concat_tables([REVIEWS.empty_table(), *(self._verdicts[name] for name in sorted(self._verdicts))])
        distinct = rows.group_by(rows.column_names, use_threads=False).aggregate([]).select(REVIEWS.names)
        return sort_rows(distinct, "reviewed_at")

    def current(self) -> pa.Table:
        """The newest verdict of each window and reviewer, without those taken back."""
        rows = self.verdicts()
        ids, reviewers = rows["review_id"].to_pylist(), rows["reviewer"].to_pylist()
        newest = {key: i for i, key in enumerate(zip(ids, reviewers, strict=True))}
        rows = rows.take(pa.array(sorted(newest.values()), pa.int64()))
        return rows.filter(pc.not_equal(rows["verdict"], "withdrawn"))

    def consensus(self) -> pa.Table:
        """One row for each judged window: what its reviewers agree on.

        The verdict is null where some say that the label is there and others that it is not. ``unsure`` counts only
        where nobody is sure, and ``other`` agrees with ``no``: the label is not there. What the reviewer `ADJUDICATED`
        says counts in any case. ``reviewer`` and ``note`` are those of all.
        """
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in self.current().to_pylist():
            by_id.setdefault(row["review_id"], []).append(row)
        return pa.Table.from_pylist([_agreed(rows) for rows in by_id.values()], REVIEWS)

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds verdicts, all of them or none; they are on the disk, or in the store, when this returns.

        Args:
            rows: Of each verdict ``review_id``, ``verdict``, ``reviewer`` and, if there are any, ``other_label`` and
                ``note``. The sample in which the window was drawn tells the rest; ``reviewed_at`` is now.

        Raises:
            OptionError: A window is in no sample, or a verdict or reviewer is none.
        """
        if not rows:
            return
        with self._lock:
            drawn = self._drawn({str(row.get("review_id")) for row in rows})
            if self._newest is None:
                self._newest = pc.max(self.verdicts()["reviewed_at"]).as_py()
            # Of two verdicts the later one is the newer, however fast they come, and even if the clock is set back.
            now = datetime.datetime.now(datetime.timezone.utc)
            now = max(now, self._newest + _TICK) if self._newest else now
            complete = [self._checked(row, drawn, now + i * _TICK) for i, row in enumerate(rows)]
            self._newest = complete[-1]["reviewed_at"]
            name = f"{self._newest:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"
            table = pa.Table.from_pylist(complete, REVIEWS)
            self._write(f"{self._output.path}/reviews/{name}.parquet", table)
            self._verdicts[f"{name}.parquet"] = table
            if len(self._verdicts) > _MOST_FILES:
                with contextlib.suppress(
                    Exception
                ):  # of a store's many kinds; the verdict is written, and the next joins
                    self._join()

    def _checked(self, row: dict[str, Any], drawn: dict[str, dict[str, Any]], now: datetime.datetime) -> dict[str, Any]:
        """A verdict with all its columns."""
        identity, verdict, reviewer = row.get("review_id"), row.get("verdict"), row.get("reviewer")
        if identity not in drawn:
            raise OptionError(f"{self._output.user_url}: no window {identity!r} in its samples; draw it first")
        if verdict not in VERDICTS:
            raise OptionError(f"verdict {verdict!r} of window {identity}: none of {', '.join(VERDICTS)}")
        if not isinstance(reviewer, str) or not reviewer.strip():
            raise OptionError(f"window {identity}: no reviewer is named")
        other = (row.get("other_label") or "").strip()
        if verdict == "other" and not other:
            raise OptionError(f"window {identity}: the verdict is 'other', but no other label is named")
        return {
            **{name: value for name, value in drawn[identity].items() if name in REVIEWS.names},
            "verdict": verdict,
            "other_label": other if verdict == "other" else None,
            "note": row.get("note") or None,
            "reviewer": reviewer.strip(),
            "reviewed_at": now,
        }

    def _drawn(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """The rows of the newest sample that holds each window; a second look at the store only for what is unknown."""
        found: dict[str, dict[str, Any]] = {}
        for look in (self._samples.values, self.samples):
            for sample in sorted(look(), key=lambda s: s.info.drawn_at):
                some = sample.rows.filter(pc.is_in(sample.rows["review_id"], value_set=pa.array(sorted(ids))))
                found |= {row["review_id"]: row for row in some.to_pylist()}
            if ids <= found.keys():
                break
        return found

    def _all(self, folder: str, known: dict[str, Any], read: Callable[[str], Any]) -> dict[str, Any]:
        """What all files of a folder hold, by their names."""
        path = f"{self._output.path}/{folder}"
        for attempt in range(_ATTEMPTS):
            try:
                names = [n for n in self._output.place.names(path) if n.endswith(".parquet") and not n.startswith(".")]
                return {name: known[name] if name in known else read(f"{path}/{name}") for name in names}
            except FileNotFoundError:  # another process has joined it with others
                if attempt == _ATTEMPTS - 1:
                    raise
            except OSError as e:
                raise ResultsError(f"{self._output.place.uri(path)}: cannot be read ({one_line(e)})") from e
        raise AssertionError  # the last attempt returns or raises

    def _read(self, path: str) -> pa.Table:
        try:
            with open_parquet(self._output.fs, path) as parquet:
                return read_rows(parquet)
        except pa.ArrowInvalid as e:
            uri = self._output.place.uri(path)
            raise ResultsError(f"{uri}: damaged ({one_line(e)}); restore it from a copy, or remove it") from e

    def _read_sample(self, path: str) -> Sample:
        rows = self._read(path)
        try:
            info = SampleInfo.from_json(rows.schema.metadata[SAMPLE_METADATA])
            return Sample(info.name, info, rows.select(SAMPLES.names))
        except (KeyError, TypeError, ValueError) as e:
            raise ResultsError(f"{self._output.place.uri(path)}: not a sample of soundbeam's; remove it") from e

    def _read_verdicts(self, path: str) -> pa.Table:
        rows = self._read(path)
        try:
            return rows.select(REVIEWS.names).cast(REVIEWS)
        except (KeyError, pa.ArrowInvalid) as e:
            raise ResultsError(f"{self._output.place.uri(path)}: not a table of reviews; remove it") from e

    def _write(self, path: str, rows: pa.Table) -> None:
        file = io.BytesIO()
        pq.write_table(rows, file, compression="zstd")
        write_at_once(self._output.fs, path, file.getvalue())

    def _join(self) -> None:
        """Joins the files of verdicts that there are now."""
        rows = self.verdicts()
        joined = sorted(self._verdicts)
        folder = f"{self._output.path}/reviews"
        # The name sorts where the newest of them was, and is new: what is there is never written over.
        name = f"{joined[-1].partition('-')[0]}-{secrets.token_hex(4)}.parquet"
        self._write(f"{folder}/{name}", rows)
        for old in joined:
            with contextlib.suppress(FileNotFoundError):  # another process joins them, too
                self._output.fs.rm_file(f"{folder}/{old}")
        self._verdicts = {name: rows}


def _agreed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the newest verdicts of all reviewers on one window come to."""
    decisive = [row for row in rows if row["reviewer"] == ADJUDICATED] or rows
    sure = [row for row in decisive if row["verdict"] != "unsure"] or decisive
    there = {row["verdict"] == "yes" for row in sure}
    others = sorted({row["other_label"] for row in sure if row["other_label"]})
    # "other" says more than "no".
    verdict = None if len(there) > 1 else max((row["verdict"] for row in sure), key=lambda v: (v == "other", v))
    return {
        **max(rows, key=lambda row: row["reviewed_at"]),
        "verdict": verdict,
        "other_label": others[0] if verdict == "other" and len(others) == 1 else None,
        "note": "; ".join(dict.fromkeys(row["note"] for row in rows if row["note"])) or None,
        "reviewer": ", ".join(sorted(row["reviewer"] for row in rows)),
    }


def read_reviews(
    output: str,
    run: str | None = None,
    classifier: str | None = None,
    recordings: Collection[str | os.PathLike[str]] | None = None,
) -> pa.Table:
    """The current verdicts, of one classifier, run or of some recordings if they are named.

    Raises:
        ResultsError: There is none yet.
    """
    rows = ReviewStore(output).current()
    if not len(rows):
        raise ResultsError(
            f"{output}: no reviews in it yet; draw windows with 'soundbeam review sample', then judge them"
        )
    if classifier is not None:
        rows = rows.filter(pc.starts_with(rows["classifier"], classifier))
    if run is not None:
        rows = rows.filter(pc.equal(rows["run"], run))
    if recordings is not None:
        rows = rows.filter(pc.is_in(rows["recording"], value_set=results.uris_of_recordings(recordings)))
    return rows
