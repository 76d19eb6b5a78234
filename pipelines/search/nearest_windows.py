"""A search from its options to the table of what was found."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.options.pipeline_options import PipelineOptions

from soundbeam.model.errors import OptionError
from soundbeam.pipelines import results
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.runners.options import build_only_mode, cores_a_worker, runs_here
from soundbeam.pipelines.runners.run import run as run_pipeline
from soundbeam.pipelines.search.found_clips import cut_clips
from soundbeam.pipelines.search.queries import bundle_of, embed_clips
from soundbeam.pipelines.search.request import Search
from soundbeam.pipelines.sound_clips import check_new_folder
from soundbeam.transforms.search.find_nearest import FindNearest, Match, read_matches


def search(request: Search, options: PipelineOptions) -> pa.Table:
    """Finds the windows that are nearest to the clips of a query.

    Returns:
        rank, similarity, recording, start_s, end_s, channel, site, query (the nearest clip) and, if clips were asked
        for, clip: the URL of the sound, null where it could not be read.

    Raises:
        SoundbeamError: There are no embeddings, the classifier that made them is gone, or a clip cannot be read.
    """
    if mode := build_only_mode(options):
        raise OptionError(f"a search tells what it found, so it cannot only be built ({mode})")
    if request.clips:
        check_new_folder(request.clips)
    output = results.open_output(request.embeddings)
    runs = results.select_runs(output, table="embeddings")
    bundle = bundle_of(runs[-1].parameters, request.embeddings, request.classifier)
    queries, names = embed_clips(request.query, bundle)
    shards, left_out = current_shards(output, runs)
    with _exchange_folder(output, options) as folder:
        url = f"{folder}/{uuid.uuid4().hex}.json"
        pipeline = beam.Pipeline(options=options)
        step = FindNearest(url, queries, request.top, request.per_recording, left_out, cores_a_worker(options))
        _ = pipeline | "Shards" >> beam.Create(shards) | "FindNearest" >> step
        run_pipeline(pipeline)
        matches = read_matches(url)
    found = table_of(matches, [redacted(name) for name in names])
    return cut_clips(found, output, request.clips) if request.clips else found


def current_shards(output: Output, runs: list[RunInfo]) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """(URL, run) of the files that hold current rows, and the recordings of each run whose rows there are not."""
    shards, left_out = [], {}
    for run, current in results.current_recordings(output, [info.run for info in runs]).items():
        if current.uris is not None:
            if not len(current.uris):
                continue
            uris = results.read(output.user_url, "recordings", run, columns=["recording"])["recording"]
            left_out[run] = uris.filter(pc.invert(pc.is_in(uris, value_set=current.uris))).to_pylist()
        shards += [(output.fs.unstrip_protocol(path), run) for path in output.parts_of("embeddings", run)]
    return shards, left_out


@contextlib.contextmanager
def _exchange_folder(output: Output, options: PipelineOptions) -> Iterator[str]:
    """URL of a folder that workers write into and this process reads: where workers are elsewhere, a shared one."""
    if runs_here(options):
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    path = f"{output.path}/_search"
    try:
        yield output.fs.unstrip_protocol(path)
    finally:
        if output.fs.exists(path):
            output.place.remove(path)


def table_of(matches: list[Match], names: list[str]) -> pa.Table:
    """Matches as a table, with the names of their queries."""
    columns = {
        "rank": (range(1, len(matches) + 1), pa.int64()),
        "similarity": ([m.similarity for m in matches], pa.float32()),
        "recording": ([m.recording for m in matches], pa.string()),
        "start_s": ([m.start_s for m in matches], pa.float64()),
        "end_s": ([m.end_s for m in matches], pa.float64()),
        "channel": ([m.channel for m in matches], pa.int64()),
        "site": ([m.site for m in matches], pa.string()),
        "query": ([names[m.query] for m in matches], pa.string()),
    }
    return pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})
