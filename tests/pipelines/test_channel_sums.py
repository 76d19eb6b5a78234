"""Counts of recordings that were scanned channel by channel, in parts that end anywhere."""

import itertools

import pyarrow as pa
import pytest

from soundbeam.pipelines.channel_sums import over_channels

ROWS = [
    *[{"recording": "a", "label": label, "channel": c, "calls": n} for label, c, n in [("x", 1, 2), ("x", 2, 1)]],
    *[{"recording": "a", "label": label, "channel": c, "calls": n} for label, c, n in [("y", 1, 0), ("y", 2, None)]],
    {"recording": "b", "label": "x", "channel": None, "calls": None},
    {"recording": "c", "label": "x", "channel": 1, "calls": 4},
]
SUMS = {("a", "x"): 3, ("a", "y"): 0, ("b", "x"): None, ("c", "x"): 4}
SCHEMA = pa.schema([("recording", pa.string()), ("label", pa.string()), ("channel", pa.int64()), ("calls", pa.int64())])


@pytest.mark.parametrize("ends", [(), (1,), (3,), (1, 2, 3, 4, 5), (4, 4)])
def test_a_recording_counts_once_wherever_parts_end(ends):
    bounds = [0, *ends, len(ROWS)]
    parts = [
        pa.Table.from_pylist(ROWS[a:b], SCHEMA).replace_schema_metadata({"run": str(a)})
        for a, b in itertools.pairwise(bounds)
    ]
    found = [row for part in over_channels(parts, ["calls"]) for row in part.to_pylist()]
    assert {(row["recording"], row["label"]): row["calls"] for row in found} == SUMS and len(found) == len(SUMS)


def test_no_rows():
    assert list(over_channels([SCHEMA.empty_table()], ["calls"])) == []
