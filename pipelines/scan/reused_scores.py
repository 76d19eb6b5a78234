"""Which recordings' stored scores can stand in for scanning them: those of the same network, calibrated otherwise."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo, ScanParameters
from soundbeam.pipelines.scan.request import Listening
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.ledger import Done, DoneRow, is_done, read_done
from soundbeam.transforms.listing.left_out import Told
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.records import DELETED, Recording
from soundbeam.transforms.tables.schemas import SCAN_TABLES, Shard

# What two scans must have in common beside the recordings and labels for the scores of one to be those of the other's
# network. What decides only when recordings begin, or what becomes of the scores, is not among it.
_DECISIVE = ("network", "task", "rate", "window_s", "hop_s", "decoder", "channel", "recorded_at", "timezone", "site",
             "deployments_sha256")  # fmt: skip
# Recordings that a former run scanned: URI → when the file was modified.
Wanted = dict[str, datetime | None]


@dataclasses.dataclass(frozen=True)
class ReusedScores:
    """What a run took over from the stored scores of former runs.

    Attributes:
        shards: What was staged, with checkpoints, like the work of a run that died.
        runs: Name of the former run → of how many recordings.
    """

    shards: tuple[Shard, ...] = ()
    runs: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def recordings(self) -> int:
        """Of how many recordings."""
        return sum(self.runs.values())


def reuse_scores(
    request: Listening,
    bundle: ClassifierBundle,
    parameters: ScanParameters,
    output: Output,
    run: str,
    ledger: Sequence[tuple[int, str]],
    deployments: Deployments | None,
) -> ReusedScores:
    """Stages the rows of recordings whose stored scores can be used again.

    It is done before the pipeline, for which these recordings are done then. What cannot be used is left to it: files
    that are new, changed, failed or to be retried, and scores that are damaged or too coarse.

    Args:
        request, bundle, parameters, deployments: What is scanned, and how.
        output, run: Where it is staged.
        ledger: What the run has already, (age, URL) of each shard of the table ``recordings``.
    """
    former = [info for info in output.runs() if can_stand_in(info, parameters)]
    if not former:
        return ReusedScores()
    try:
        wanted = _unchanged(request, output, former, ledger)
    except Exception:  # a disk or store may answer anything; the pipeline meets it again, and says which file it was
        return ReusedScores()
    from soundbeam.pipelines.scan.rescoring import Rescoring  # it imports Beam

    rescoring = Rescoring(request, bundle, parameters, output.staging_url(run), deployments)
    runs: dict[str, int] = {}
    with contextlib.closing(rescoring):
        for info, recordings in zip(former, wanted, strict=True):
            if recordings and (reused := rescoring.reuse(info, recordings)):
                runs[info.run] = reused
    return ReusedScores(tuple(rescoring.shards), runs)


def can_stand_in(info: RunInfo, now: ScanParameters) -> bool:
    """Whether a former run has all scores of the same network, and other calls of them."""
    then = info.parameters
    return (
        bool(now.network)
        and info.settings != now.settings
        and all(getattr(then, name) == getattr(now, name) for name in _DECISIVE)
        and then.labels == now.labels
        and then.min_score is None
        and now.min_score is None
        and set(SCAN_TABLES) <= set(then.tables)
        and now.tables == SCAN_TABLES
    )


def _unchanged(
    request: Listening, output: Output, former: Sequence[RunInfo], ledger: Sequence[tuple[int, str]]
) -> list[Wanted]:
    """Of each former run, the recordings that are listed as they were then and are not done; the newest run's count."""
    newest: dict[str, DoneRow] = {}
    for age, info in enumerate(former):
        for path in output.parts_of("recordings", info.run):
            newest.update(read_done((age, output.fs.unstrip_protocol(path))))
    done: dict[str, DoneRow] = {}
    for shard in ledger:
        done.update(read_done(shard))
    for uri, row in list(newest.items()):
        if not _is_scanned(Done.of_row(row)) or (uri in done and _is_same(Done.of_row(done[uri]), Done.of_row(row))):
            del newest[uri]
    wanted: list[Wanted] = [{} for _ in former]
    for recording in _listed(request) if newest else ():  # it may be a slow store's
        if recording.uri in newest:
            then = Done.of_row(newest[recording.uri])
            if is_done(recording, then, request.retry_failed):
                wanted[then.age][recording.uri] = recording.modified
    return wanted


def _is_scanned(done: Done) -> bool:
    """Whether all windows that could be decoded have a score."""
    return done.status in ("ok", "partial") and done.stage != "score"


def _is_same(now: Done, then: Done) -> bool:
    """Whether a file's row is of the version that was scanned then; if it failed since, it is not tried again."""
    return (now.bytes, now.version) == (then.bytes, then.version) and now.stage != DELETED


def _listed(request: Listening) -> Iterator[Recording]:
    for pattern in request.recordings:
        for row in list_recordings(pattern, Told()):
            if isinstance(row, Recording):
                yield row
