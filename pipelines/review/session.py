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
from soundbeam.pipelines.review.drawn_windows import drawn_windows, notices_of, presence_nights, sources_of
from soundbeam.pipelines.review.estimate_now import estimates
from soundbeam.pipelines.review.site_nights import needless
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
        self._lock = threading.RLock()
        self.read()
        if not self._windows:
            raise self._nothing()

    def read(self) -> None:
        """Reads the samples and verdicts anew: others may have drawn or judged since."""
        with self._lock:
            self._samples = [s for s in self._store.samples() if self.label in (None, s.info.label)]
            windows = drawn_windows(self._samples, self.label)
            self._said: dict[str, dict[str, Said]] = collections.defaultdict(dict)
            for row in self._store.current().to_pylist():
                said = Said(row["verdict"], row["other_label"], row["note"])
                self._said[row["review_id"]][row["reviewer"]] = said
            if self.adjudicate:
                windows = {i: row for i, row in windows.items() if _differ(self._said[i])}
            self._windows = windows
            self._sources = sources_of(self.output, windows.values())
            self._nights = presence_nights(self.output, windows)
            self.notices = notices_of(self.output, self._samples, windows)

    def _nothing(self) -> SoundbeamError:
        drawn = sorted({sample.info.label for sample in self._store.samples()})
        if not drawn:
            return SoundbeamError(
                f"{self.output}: nothing was drawn for review yet; draw some windows with "
                f"'soundbeam review sample --output {self.output}'"
            )
        if self.label is not None and self.label not in drawn:
            return OptionError(f"--label {self.label}: no window of it was drawn; there are {', '.join(drawn)}")
        if not self.adjudicate:
            return SoundbeamError(
                f"{self.output}: its samples hold no window; draw some with "
                f"'soundbeam review sample --output {self.output}'"
            )
        return SoundbeamError(f"{self.output}: reviewers disagree on no window, so there is nothing to adjudicate")

    def excerpt(self, review_id: str, context_s: float) -> Excerpt:
        """What is to be heard of a window, with so many seconds before and after it.

        Raises:
            UnknownWindow: No sample holds it.
        """
        row = self._windows.get(review_id)
        if row is None:
            raise UnknownWindow(f"no window {review_id!r} was drawn")
        source = self._sources.get((row["run"], row["recording"]), Source(row["recording"], None))
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
            news: list[dict[str, Any]] = []
            now = {i: given[self.reviewer] for i, given in self._said.items() if self.reviewer in given}
            for given in verdicts:
                review_id, said = self._checked(given)
                before = now.get(review_id)
                if said == before or (before is None and said.verdict == _WITHDRAWN):
                    continue
                news.append({"review_id": review_id, **vars(said), "reviewer": self.reviewer})
                now[review_id] = said
                if said.verdict == _WITHDRAWN:
                    del now[review_id]
            self._store.append(news)
            for review_id in {row["review_id"] for row in news}:
                if review_id in now:
                    self._said[review_id][self.reviewer] = now[review_id]
                else:
                    self._said[review_id].pop(self.reviewer, None)

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
        with self._lock:
            return self._state()

    def _state(self) -> dict[str, Any]:
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
            "notices": self.notices,
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
                "estimates": estimates(self._samples, self._heard),
                "skip": sorted(self._skipped()),
                "reviewers": sorted(by_reviewer),
                "kappa": kappa(by_reviewer) if len(by_reviewer) > 1 else None,
                "disagreements": [
                    {"id": i, "said": {who: said.as_json() for who, said in self._said[i].items()}} for i in differing
                ],
            }

    def _skipped(self) -> set[str]:
        """The windows of sites and nights at which this reviewer has confirmed the sound already."""
        skipped: set[str] = set()
        for nights in self._nights.values():
            mine = {i: said.verdict for i in nights if (said := self._said[i].get(self.reviewer))}
            skipped |= needless(list(nights), list(nights.values()), mine)
        return skipped

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
