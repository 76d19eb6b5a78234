"""Writes the tables of a long survey that never ran, fast: sites × nights × recordings of an hour."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.staging import Staging
from soundbeam.transforms.tables.schemas import Shard, schemas
from tests.pipelines.written_scan import run_info

HOUR_US = 3_600_000_000
RUN = "20240101T000000Z-aaaaaa"
WINDOWS = 20  # that predictions have of each recording and label


def write_survey(
    folder,
    sites=40,
    nights=60,
    labels=("owl", "nightjar", "frog"),
    first=datetime.date(2024, 4, 20),
    hours=range(18, 30),
    rate=2.0,
    fewer=2.0,
    failed=0.01,
    utc_offset_h=2,
    seed=0,
    named=True,
    per_shard=50_000,
    **more,
):
    """Commits a run whose calls come by the hour, the season and the site; returns the folder as text.

    Args:
        folder: The output.
        sites, nights: How many.
        labels: Their names.
        first: The evening of the first night, by local time.
        hours: Local hours after midnight of the evening's date at which recordings begin.
        rate: Calls of the first label per recording, on average.
        fewer: How many times fewer each next label has.
        failed: Share of the recordings that failed.
        utc_offset_h: Local time less UTC.
        seed: Decides everything.
        named: Whether sites have names.
        per_shard: Recordings of a Parquet file.
        more: For `written_scan.run_info`.
    """
    rng = np.random.default_rng(seed)
    more = {"timezone": f"+{utc_offset_h:02d}:00", "versions": {"soundbeam": "0.1.0", "numpy": "1.26.4"}, **more}
    info = run_info(RUN, labels, **more)
    names = [f"site{i + 1:03d}" for i in range(sites)] if named else [None] * sites
    midnight = int(datetime.datetime.combine(first, datetime.time(), datetime.timezone.utc).timestamp())
    start = (midnight - utc_offset_h * 3600) * 1_000_000
    site, night, hour = (a.ravel() for a in np.meshgrid(range(sites), range(nights), list(hours), indexing="ij"))
    kept = rng.random(sites * nights).reshape(sites, nights)[site, night] < 0.93  # a recorder that fails for a night
    site, night, hour = site[kept], night[kept], hour[kept]
    output, shards = Output(str(folder)), []
    of_schema = schemas(tuple(labels), info.to_dict())
    liked = rng.gamma(1.0, 1.0, (len(labels), sites))
    for k, begin in enumerate(range(0, len(site), per_shard)):
        part = slice(begin, begin + per_shard)
        tables = _tables(
            rng,
            labels,
            [names[s] for s in site[part]],
            site[part],
            night[part],
            hour[part],
            start,
            rate,
            fewer,
            failed,
            nights,
            liked,
            info.parameters.fingerprint,
        )
        for table, schema in of_schema.items():
            rows = pa.table(
                [pa.array(tables[table][name], schema.field(name).type) for name in schema.names], schema=schema
            )
            path = f"{output.staging_url(RUN)}/{table}/part-{k:05d}.parquet".removeprefix("file://")
            output.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            pq.write_table(rows, path, compression="zstd")
            shards.append(Shard(table, f"part-{k:05d}.parquet", len(rows)))
    Staging(output).commit(info, shards, [])
    return str(folder)


def _tables(rng, labels, names, site, night, hour, start, rate, fewer, failed, nights, liked, fingerprint):
    """Table → column → values, of some recordings."""
    n = len(site)
    at = start + (night * 24 + hour).astype(np.int64) * HOUR_US
    uris = np.array([f"file:///data/{name}/{i}.wav" for name, i in zip(names, at.tolist(), strict=True)], object)
    bad = rng.random(n) < failed
    names, nothing = np.array(names, object), np.full(n, None, object)
    recordings = {
        "recording": uris,
        "bytes": np.full(n, 10**8),
        "version": np.full(n, "v", object),
        "status": np.where(bad, "failed", "ok"),
        "stage": np.where(bad, "decode", nothing),
        "error": np.where(bad, "the file is empty", nothing),
        "duration_s": np.where(bad, nothing, 3600.0),
        "sample_rate": np.full(n, 32000),
        "channels": np.full(n, 1),
        "recorded_at": at,
        "windows": np.where(bad, 0, WINDOWS),
        "classifier": np.full(n, fingerprint, object),
        "site": names,
        "listened_s": np.where(bad, nothing, 3600.0),
        "notes": nothing,
        "content": nothing,
        **dict.fromkeys(("latitude", "longitude", "recorder"), nothing),
    }
    counts = {name: [] for name in ("recording", "label", "windows", "calls", "calls_low", "calls_high", "site")}
    calls = {name: [] for name in ("recording", "label", "start_s", "end_s", "score", "started_at", "site")}
    scores = {name: [] for name in ("recording", "start_s", "end_s", "label", "score", "site")}
    for i, label in enumerate(labels):
        peak_hour, peak_night = 21.0 + 3 * (i % 4), nights * ((i * 0.37 + 0.3) % 1)
        by_hour = np.exp(-((hour - peak_hour) ** 2) / 6)
        season = np.exp(-((night - peak_night) ** 2) / (2 * (nights / 5 + 1) ** 2))
        mean = rate / fewer**i * by_hour * season * liked[i, site] * 4
        number = np.where(bad, 0, rng.poisson(mean))
        unknown = np.where(bad, None, number)
        for name, values in zip(
            counts,
            (
                uris,
                np.full(n, label, object),
                np.where(bad, 0, WINDOWS),
                unknown,
                np.where(bad, None, number - number // 4),
                np.where(bad, None, number + (number + 1) // 3),
                names,
            ),
            strict=True,
        ):
            counts[name].append(values)
        of = np.repeat(np.arange(n), number)
        begin = np.round(rng.random(len(of)) * 3590, 1)
        score = 0.5 + 0.5 * rng.beta(2, 2, len(of))
        for name, values in zip(
            calls,
            (
                uris[of],
                np.full(len(of), label, object),
                begin,
                begin + 2.0,
                score,
                at[of] + (begin * 1e6).astype(np.int64),
                names[of],
            ),
            strict=True,
        ):
            calls[name].append(values)
        windows = np.repeat(np.flatnonzero(~bad), WINDOWS)
        place = np.tile(np.arange(WINDOWS) * 180.0, int((~bad).sum()))
        for name, values in zip(
            scores,
            (
                uris[windows],
                place,
                place + 2.0,
                np.full(len(windows), label, object),
                rng.beta(0.4, 6, len(windows)).astype(np.float32),
                names[windows],
            ),
            strict=True,
        ):
            scores[name].append(values)
    joined = {"counts": counts, "calls": calls, "predictions": scores}
    return {
        "recordings": recordings,
        **{table: {c: np.concatenate(parts) for c, parts in columns.items()} for table, columns in joined.items()},
    }
