"""The night at which a window was recorded, and what is left to look at once a site's night is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.local_time import Clocks, night_of

# A site and a night, the date of its evening; of a recording whose time is not known, its URI.
SiteNight = tuple[str | None, str]


class Nights:
    """Tells the site and night of windows.

    Args:
        output: The scan's output folder.
        recorded_at: Recording → when it begins, µs since 1970, UTC; of those where it is known.
    """

    def __init__(self, output: str, recorded_at: Mapping[str, int]):
        self._clocks, self._begins = Clocks.of(output), recorded_at

    def of(self, recordings: Sequence[str], start_us: np.ndarray, sites: Sequence[str | None]) -> list[SiteNight]:
        """The site and night of each window."""
        begins = pa.array([self._begins.get(name) for name in recordings], pa.int64())
        utc = pc.add(begins, pa.array(start_us, pa.int64())).cast(pa.timestamp("us", "UTC"))
        nights = night_of(self._clocks.local(utc, pa.array(sites, pa.string()))).to_pylist()
        whole = zip(sites, nights, recordings, strict=True)
        return [(site, recording if night is None else str(night)) for site, night, recording in whole]


def site_nights(output: str, rows: pa.Table) -> list[SiteNight]:
    """The site and night of each row of a sample."""
    uris = set(rows["recording"].to_pylist())
    known = results.read(output, "recordings", columns=["recording", "recorded_at"], recordings=uris)
    known = known.filter(pc.is_valid(known["recorded_at"]))
    times = known["recorded_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    nights = Nights(output, dict(zip(known["recording"].to_pylist(), times, strict=True)))
    start_us = np.rint(rows["start_s"].to_numpy() * 1e6).astype(np.int64)
    return nights.of(rows["recording"].to_pylist(), start_us, rows["site"].to_pylist())


def needless(ids: Sequence[str], nights: Sequence[SiteNight], verdicts: Mapping[str, str | None]) -> set[str]:
    """The windows that nobody need look at: another one of their site and night has the label.

    Args:
        ids: Their review ids.
        nights: The site and night of each, as `site_nights` gives them.
        verdicts: Review id → what reviewers agree on.
    """
    confirmed = {night for identity, night in zip(ids, nights, strict=True) if verdicts.get(identity) == "yes"}
    return {i for i, night in zip(ids, nights, strict=True) if night in confirmed and verdicts.get(i) is None}
