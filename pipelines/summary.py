"""What a person reads at the end of a scan."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from model.errors import SoundbeamError
from pipelines import results
from pipelines.console import say
from pipelines.scanning import Finished


def summarize(finished: Finished, output: str) -> int:
    """Prints how many recordings, hours, windows, calls and failures there were, and where the tables are.

    Returns:
        The exit code: 0 also when some files failed.

    Raises:
        SoundbeamError: Not one file could be scanned.
    """
    before = f"{finished.done_before} recordings were scanned before and are unchanged"
    info = finished.info
    if info is None:
        say(f"nothing new: {before}")
        say(f"tables: {output}")
        return 0
    recordings = results.read(output, "recordings", run=info["run"])
    counts = results.read(output, "counts", run=info["run"])
    status = {row["values"]: row["counts"] for row in pc.value_counts(recordings["status"]).to_pylist()}
    seconds = pc.sum(recordings["duration_s"]).as_py() or 0.0
    bad = recordings.filter(pc.is_in(recordings["status"], value_set=pa.array(["partial", "failed"], pa.string())))
    for row in bad.slice(0, 10).to_pylist():
        say(f"{row['status']}: {row['recording']}: {row['error']}")
    if len(bad) > 10:
        say(f"… and {len(bad) - 10} more, in the table recordings")
    for label in info["labels"]:
        of_label = counts.filter(pc.equal(counts["label"], label))
        heard = pc.sum(pc.greater(of_label["calls"], 0)).as_py() or 0
        say(f"{label}: {pc.sum(of_label['calls']).as_py() or 0} calls in {heard} of {len(of_label)} recordings")
    say(
        f"{len(recordings)} recordings ({', '.join(f'{n} {name}' for name, n in sorted(status.items()))}), "
        f"{seconds / 3600:.2f} h, {pc.sum(recordings['windows']).as_py()} windows"
    )
    if finished.done_before:
        say(before)
    if finished.taken_over:
        say(f"{finished.taken_over} scan(s) that had died before the end were resumed: {', '.join(info['taken_over'])}")
    say(f"{info['wall_s']:.0f} s, {seconds / info['wall_s']:.0f} × real time; classifier {info['fingerprint'][:12]}")
    say(f"tables: {output} (run {info['run']})")
    if status.get("failed") and not status.get("ok") and not status.get("partial") and not finished.done_before:
        raise SoundbeamError(f"not one of {len(recordings)} files could be scanned; the table recordings says why")
    return 0
