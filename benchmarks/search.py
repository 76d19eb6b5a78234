"""Measures a search among many embeddings: vectors a second, and memory, which must not grow with their number.

    python benchmarks/search.py [--vectors 100000 1000000] [--size 256] [--queries 3] [--folder DIR]

The embeddings are random unit vectors in tables as 'soundbeam embed' commits them, of recordings of 1,200 windows each.
Each search runs in a process of its own. It is compared with a bare loop over the same files in another process:
pyarrow reads each row group, NumPy multiplies it, and the highest cosines are kept. Memory is the peak of the process,
and in brackets what it is above that of a search in the first file. Times are without imports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WINDOWS_A_RECORDING = 1200
TOP, PER_RECORDING = 100, 2


def write_table(folder: Path, vectors: int, size: int) -> None:
    """Writes a table ``embeddings`` through the step that commits one."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from fsspec.implementations.local import LocalFileSystem

    from soundbeam.pipelines.output.compaction import compact
    from soundbeam.transforms.tables.schemas import Shard, schemas

    schema = schemas((), {"tables": ["embeddings"], "embedding_size": size})["embeddings"]
    random, at, shards = np.random.default_rng(0), 0, []
    staged = folder / "staged" / "embeddings"
    staged.mkdir(parents=True)
    while at < vectors:
        n = min(max(1, (64 << 20) // (4 * size)), vectors - at)
        unit = random.standard_normal((n, size), np.float32)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        index = np.arange(at, at + n)
        starts = (index % WINDOWS_A_RECORDING) * 3.0
        columns = [
            pa.array([f"file:///recordings/{i:07d}.wav" for i in (index // WINDOWS_A_RECORDING).tolist()]),
            pa.array(starts),
            pa.array(starts + 3.0),
            pa.FixedSizeListArray.from_arrays(pa.array(unit.reshape(-1)), size),
            pa.nulls(n, pa.string()),
        ]
        name = f"part-{len(shards)}.parquet"
        pq.write_table(pa.table(columns, schema=schema), staged / name, compression="none", use_dictionary=False)
        shards.append(Shard("embeddings", name, n))
        at += n
    compact(LocalFileSystem(), [(str(folder / "staged"), shards)], "embeddings", schema, str(folder / "embeddings"))
    for shard in shards:
        (staged / shard.name).unlink()


def queries_of(size: int, number: int) -> Any:
    """float32 ``[number, size]``, random."""
    import numpy as np

    return np.random.default_rng(1).standard_normal((number, size)).astype(np.float32)


def by_soundbeam(paths: list[str], queries: Any) -> list[float]:
    """The highest cosines, by the step."""
    import apache_beam as beam

    from soundbeam.pipelines.runners.options import beam_options, cores_a_worker
    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.search.find_nearest import FindNearest, read_matches

    options = beam_options([])
    with tempfile.TemporaryDirectory() as folder:
        url = f"{folder}/found.json"
        pipeline = beam.Pipeline(options=options)
        shards = pipeline | beam.Create([(path, "run") for path in paths])
        _ = shards | FindNearest(url, queries, TOP, PER_RECORDING, {}, cores_a_worker(options))
        run(pipeline)
        return [match.similarity for match in read_matches(url)]


def by_numpy(paths: list[str], queries: Any) -> list[float]:
    """The same in a bare loop, without the recordings, their limit and the places."""
    import numpy as np
    import pyarrow.parquet as pq

    unit = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).T
    best = np.zeros(0, np.float32)
    for path in paths:
        with pq.ParquetFile(path) as parquet:
            for group in range(parquet.num_row_groups):
                column = parquet.read_row_group(group, columns=["embedding"], use_threads=False)["embedding"]
                vectors = column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
                cosines = (vectors @ unit).max(axis=1) / np.linalg.norm(vectors, axis=1)
                best = np.sort(np.concatenate([best, cosines]))[-TOP:]
    return best[::-1].tolist()


def measured(how: str, paths: list[str], size: int, queries: int) -> dict[str, Any]:
    """What one search costs in a process of its own: wall and processor seconds without imports, and the peak in MB."""
    work = {"how": how, "paths": paths, "size": size, "queries": queries}
    done = subprocess.run(
        [sys.executable, __file__, "--work", "-"], input=json.dumps(work), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def do_work() -> None:
    """One search in this process; prints what it cost."""
    work = json.loads(sys.stdin.read())
    queries = queries_of(work["size"], work["queries"])
    search = by_soundbeam if work["how"] == "soundbeam" else by_numpy
    search(work["paths"][:1], queries)  # imports and first calls
    base = peak_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    best = search(work["paths"], queries)
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "best": best[0]}
    print(json.dumps({**cost, "MB": peak_mb(), "more": peak_mb() - base}))


def peak_mb() -> float:
    """The peak of this process since it began; what ``resource`` gives begins with the peak of the one above it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Prints a line for each number of vectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--queries", type=int, default=3)
    parser.add_argument("--folder", help="where the tables go while it runs (default: the system's)")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        do_work()
        return
    print(f"python benchmarks/search.py {' '.join(sys.argv[1:])}\n")
    for vectors in options.vectors:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            begin = time.perf_counter()
            write_table(Path(folder), vectors, options.size)
            written = time.perf_counter() - begin
            paths = sorted(str(path) for path in Path(folder, "embeddings").iterdir())
            there = sum(os.path.getsize(path) for path in paths)
            ours = measured("soundbeam", paths, options.size, options.queries)
            bare = measured("numpy", paths, options.size, options.queries)
            assert abs(ours["best"] - bare["best"]) < 1e-5, (ours, bare)
            files = f"{there / 1e6:6.0f} MB in {len(paths)} files, made in {written:.0f} s"
            print(f"{vectors:>10,} of {options.size}: {files}")
            for name, cost in (("soundbeam", ours), ("bare loop", bare)):
                speed = f"{vectors / cost['wall']:9,.0f} vectors a second"
                print(f"  {name}: {speed}, {cost['cpu']:.1f} s of work, {cost['MB']:4.0f} MB ({cost['more']:+.0f})")
            wall, cpu = (ours[kind] / bare[kind] for kind in ("wall", "cpu"))
            print(f"  ratio of wall time {wall:.2f}, of processor time {cpu:.2f}", flush=True)


if __name__ == "__main__":
    main()
