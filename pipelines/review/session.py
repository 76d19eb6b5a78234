"""One reviewer's sitting: which windows to look at, what was said of them, and how far one has come."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import threading
from typing import Any

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.model.estimation.agreement import kappa
from soundbeam.pipelines import results
from soundbeam.pipelines.recording_names import short_names
from soundbeam.pipelines.review.estimate_now import present_estimate
from soundbeam.pipelines.review.samples import WEIGHTED, Sample, joined
from soundbeam.pipelines.review.store import ADJUDICATED, VERDICTS, ReviewStore
from soundbeam.pipelines.review.window_sounds import Excerpt, Source

_LONGEST_NOTE = 2000
_LONGEST_LABEL = 200
_WITHDRAWN = "withdrawn"


class UnknownWindow(SoundbeamError):
    """A verdict is about a window that no sample holds."""


@dataclasses.dataclass(frozen=True)
class Said:
    """What a reviewer said of a window."""

    verdict: str
    other_label: str | None
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {"verdict": self.verdict, "other_label": self.other_label or "", "note": self.note or ""}


class Session:
    """What the page shows and what it is told; any thread may ask.

    Args:
        output: The scan's output.
        reviewer: Whose verdicts these are.
        label: Only windows of this label; None: of all.
        adjudicate: Only windows that reviewers judged differently; the verdicts are those of ``adjudicated``.

    Raises:
        ResultsError: It is no output of a scan.
        OptionError: There is no such label.
        SoundbeamError: Nothing was drawn, or nothing is to be adjudicated.
    """

    def __init__(self, output: str, reviewer: str, label: str | None = None, adjudicate: bool = False):
        self.output, self.label, self.adjudicate = output, label, adjudicate
        self.reviewer = ADJUDICATED if adjudicate else reviewer
        self._store = ReviewStore(output)
        self._run = results.latest_run(output)
        self._lock = threading.Lock()
        self.read()
        if not self._windows:
            raise self._nothing()

    def read(self) -> None:
        """Reads the samples and verdicts anew: others may have drawn or judged since."""
        with self._lock:
            samples = self._store.samples()
            self._labels_drawn = sorted({str(name) for sample in samples for name in sample.rows["label"].to_pylist()})
            rows = [
                row
                for sample in samples
                for row in sorted(sample.rows.to_pylist(), key=lambda row: row["rank"])
                if self.label in (None, row["label"])
            ]
            self._samples = samples
            self._said: dict[str, dict[str, Said]] = collections.defaultdict(dict)
            for row in self._store.current().to_pylist():
                said = Said(row["verdict"], row["other_label"], row["note"])
                self._said[row["review_id"]][row["reviewer"]] = said
            by_id = {row["review_id"]: row for row in reversed(rows)}
            if self.adjudicate:
                by_id = {i: by_id[i] for i in by_id if _differ(self._said[i])}
            order = {row["review_id"]: None for row in rows if row["review_id"] in by_id}
            self._windows = {review_id: by_id[review_id] for review_id in order}
            self._sources = self._find_sources()

    def _nothing(self) -> SoundbeamError:
        drawn = self._labels_drawn
        if not drawn:
            return SoundbeamError(
                f"{self.output}: nothing was drawn for review yet; draw some windows with "
                f"'soundbeam review sample --output {self.output}'"
            )
        if self.label is not None and self.label not in drawn:
            return OptionError(f"--label {self.label}: no window of it was drawn; there are {', '.join(drawn)}")
        return SoundbeamError(f"{self.output}: reviewers disagree on no window, so there is nothing to adjudicate")

    def _find_sources(self) -> dict[tuple[str, str], Source]:
        """The recordings as the runs saw them from which the windows were drawn."""
        by_run: dict[str, set[str]] = collections.defaultdict(set)
        for row in self._windows.values():
            by_run[row["run"]].add(row["recording"])
        columns = ["recording", "sample_rate", "duration_s", "bytes", "version", "content"]
        sources = {}
        for run, uris in by_run.items():
            try:
                known = results.read(self.output, "recordings", run, columns=columns, recordings=uris).to_pylist()
            except SoundbeamError:  # the run was removed since
                known = results.read(self.output, "recordings", columns=columns, recordings=uris).to_pylist()
            for row in known:
                sources[run, row["recording"]] = Source(
                    row["recording"],
                    row["sample_rate"],
                    row["duration_s"],
                    row["bytes"] or 0,
                    row["version"] or "",
                    row["content"] or "",
                )
        return sources

    def excerpt(self, review_id: str, context_s: float) -> Excerpt:
        """What is to be heard of a window, with so many seconds before and after it.

        Raises:
            UnknownWindow: No sample holds it.
        """
        row = self._windows.get(review_id)
        if row is None:
            raise UnknownWindow(f"no window {review_id!r} was drawn")
        source = self._sources.get((row["run"], row["recording"]), Source(row["recording"], None, None))
        channel = row.get("channel")
        if channel is None and isinstance(self._run.parameters.channel, int):
            channel = self._run.parameters.channel
        return Excerpt(source, row["start_s"] - context_s, row["end_s"] + context_s, channel)

    def record(self, verdicts: list[dict[str, Any]]) -> None:
        """Writes verdicts; when this returns they are kept. What is said already is not written again.

        Args:
            verdicts: Each ``review_id``, ``verdict`` and, if it has them, ``other_label`` and ``note``.

        Raises:
            UnknownWindow: A window was never drawn. Nothing is written.
            OptionError: A verdict is none. Nothing is written.
        """
        with self._lock:
            news = []
            for given in verdicts:
                review_id, said = self._checked(given)
                before = self._said[review_id].get(self.reviewer)
                if said != before and (before or said.verdict != _WITHDRAWN):
                    news.append((review_id, said))
            mine = {"reviewer": self.reviewer}
            self._store.append([{"review_id": review_id, **vars(said), **mine} for review_id, said in news])
            for review_id, said in news:
                if said.verdict == _WITHDRAWN:
                    del self._said[review_id][self.reviewer]
                else:
                    self._said[review_id][self.reviewer] = said

    def _checked(self, given: Any) -> tuple[str, Said]:
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise OptionError("a verdict has review_id, verdict, other_label and note, all of them text")
        review_id, verdict = given.get("review_id", ""), given.get("verdict", "")
        if review_id not in self._windows:
            raise UnknownWindow(f"no window {review_id!r} was drawn")
        if verdict not in VERDICTS:
            raise OptionError(f"{verdict!r} is no verdict; there are {', '.join(VERDICTS)}")
        other, note = given.get("other_label", "").strip(), given.get("note", "").strip()
        if (verdict == "other") != bool(other):
            raise OptionError("another label belongs to the verdict 'other', and to no other verdict")
        if len(other) > _LONGEST_LABEL or len(note) > _LONGEST_NOTE:
            raise OptionError(f"a label has at most {_LONGEST_LABEL} characters, and a note {_LONGEST_NOTE}")
        return review_id, Said(verdict, other or None, note or None)

    def state(self) -> dict[str, Any]:
        """All that the page needs to start, as JSON."""
        names = short_names(sorted({row["recording"] for row in self._windows.values()}))
        key = f"{results.open_output(self.output).url}\n{self.reviewer}"
        used = collections.Counter(
            said.other_label for given in self._said.values() for said in given.values() if said.other_label
        )
        return {
            # What the page keeps in the browser until it is written here belongs to this output and reviewer.
            "key": hashlib.blake2b(key.encode(), digest_size=8).hexdigest(),
            "output": self.output,
            "reviewer": self.reviewer,
            "adjudicate": self.adjudicate,
            "highest_hz": self._run.parameters.rate / 2,
            "labels": self._run.labels,
            "used": [label for label, _ in used.most_common()],
            "windows": [self._window(row, names) for row in self._windows.values()],
            "progress": self.progress(),
        }

    def _window(self, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
        given = self._said.get(row["review_id"], {})
        mine = given.get(self.reviewer)
        shown = {name: row[name] for name in ("start_s", "end_s", "label", "score", "site", "design")}
        others = {who: said.as_json() for who, said in given.items() if who != self.reviewer}
        return {
            "id": row["review_id"],
            **shown,
            "recording": names[row["recording"]],
            "uri": row["recording"],
            "mine": mine.as_json() if mine else None,
            "others": others if self.adjudicate else {},
        }

    def progress(self) -> dict[str, Any]:
        """How far one has come, the present estimates, and where reviewers disagree; as JSON."""
        with self._lock:
            judged = [i for i in self._windows if self.reviewer in self._said[i]]
            by_reviewer: dict[str, dict[str, str]] = collections.defaultdict(dict)
            for review_id in self._windows:
                for who, said in self._said[review_id].items():
                    if who != ADJUDICATED:
                        by_reviewer[who][review_id] = "no" if said.verdict == "other" else said.verdict
            differing = [i for i in self._windows if _differ(self._said[i])]
            return {
                "judged": len(judged),
                "windows": len(self._windows),
                "estimates": self._estimates(),
                "reviewers": sorted(by_reviewer),
                "kappa": kappa(by_reviewer) if len(by_reviewer) > 1 else None,
                "disagreements": [
                    {"id": i, "said": {who: said.as_json() for who, said in self._said[i].items()}} for i in differing
                ],
            }

    def _estimates(self) -> list[dict[str, Any]]:
        """One for each population that was drawn from by chance."""
        frames: dict[str, list[Sample]] = collections.defaultdict(list)
        for sample in self._samples:
            if sample.info.design in WEIGHTED and self.label in (None, sample.info.label):
                frames[sample.info.frame].append(sample)
        found = []
        for samples in frames.values():
            whole = joined(samples)
            rows = whole.rows.select(["review_id", "stratum", "weight"]).to_pylist()
            heard = {row["review_id"]: self._heard(row["review_id"]) for row in rows}
            known = {review_id: there for review_id, there in heard.items() if there is not None}
            estimate = present_estimate([stratum.windows for stratum in whole.info.strata], rows, known)
            if estimate:
                found.append({"label": whole.info.label, **dataclasses.asdict(estimate)})
        return found

    def _heard(self, review_id: str) -> bool | None:
        """Whether a window has its sound: by this reviewer, else by those who judged it if they agree."""
        given = self._said.get(review_id, {})
        counted = given.get(ADJUDICATED) or given.get(self.reviewer)
        verdicts = {counted.verdict} if counted else {said.verdict for said in given.values()}
        if len(verdicts) != 1 or verdicts == {"unsure"}:
            return None
        return verdicts == {"yes"}


def _differ(given: dict[str, Said]) -> bool:
    """Whether some say that a window has its sound and others that it has not, and nobody has decided yet."""
    if ADJUDICATED in given:
        return False
    return len({said.verdict == "yes" for said in given.values() if said.verdict != "unsure"}) > 1
