"""Adds to each recording when and where it was made, and leaves out those of other times than are wanted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.files import open_file
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.chosen_times import ANY_TIME, NO_TIME, NOT_CHOSEN, SINCE, ChosenTimes
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.entry_rows import Row
from soundbeam.transforms.listing.times_in_names import Conventions, from_name, from_pattern, site_of, to_utc, zone_of
from soundbeam.transforms.listing.times_in_wav import WavMetadata, read_metadata
from soundbeam.transforms.packs import spread
from soundbeam.transforms.records import DELETED, Recording, Unscannable, recording_of

_WITH_CHUNKS = (".wav", ".wave", ".rf64", ".bwf", ".bw64", ".amb")
_READ_BYTES = 1 << 16
# A time in other years was set by no clock that works. pandas holds no time before 1678 or after 2262.
_YEARS = (1900, 2200)
_NEVER_SET = datetime(1970, 1, 1, tzinfo=timezone.utc)  # where clocks begin to count


def recorded_at(
    uri: str, conventions: Conventions, read: Callable[[str], Sequence[datetime]] | None = None
) -> datetime | None:
    """When a recording was made, UTC.

    The first of these that gives a time decides: the user's pattern; metadata with an offset from UTC; a name with an
    offset; a name without one; metadata without one.

    Args:
        uri: The recording.
        conventions: The pattern, and the time zone of times without an offset.
        read: Returns the times in the file's metadata; None if these are not to be read.
    """
    zone = zone_of(conventions.timezone)
    by_pattern = from_pattern(uri, conventions.recorded_at) if conventions.recorded_at else None
    if (when := _credible(to_utc(by_pattern, zone))) is not None:
        return when
    named = from_name(uri)
    times = read(uri) if read is not None else []
    exact = [time for time in times if time.tzinfo]
    return next((utc for time in [*exact, named, *times] if (utc := _credible(to_utc(time, zone)))), None)


def _credible(when: datetime | None) -> datetime | None:
    """The time; None for one that only a clock shows that was never set."""
    if when is None or not _YEARS[0] <= when.year < _YEARS[1] or abs(when - _NEVER_SET) < timedelta(days=1):
        return None
    return when


def metadata_in(uri: str) -> WavMetadata:
    """What a WAV file says of its recording; nothing if it is not a WAV file or cannot be read."""
    if not uri.lower().partition("::")[0].endswith(_WITH_CHUNKS):
        return WavMetadata()
    try:
        with open_file(uri, _READ_BYTES) as file:

            def read_at(offset: int, length: int) -> bytes:
                file.seek(offset)
                return bytes(file.read(length))

            return read_metadata(read_at, file.seek(0, 2))
    except Exception:  # stores have many error classes of their own; decoding will tell what is wrong with the file
        return WavMetadata()


def describe(
    row: Recording | Unscannable,
    conventions: Conventions,
    chosen: ChosenTimes = ANY_TIME,
    deployments: Deployments | None = None,
) -> Recording | Unscannable | str:
    """Adds the time and place to a listed file; or says why it is left out, as `ChosenTimes.why_not` does.

    The time zone of its site's deployments replaces that of the conventions. Where they do not tell its place or
    recorder, the file's own metadata do.

    If neither its name nor its metadata gives a time, the modification time decides about dates; without that the file
    is kept. A file whose name gives a time more than 26 hours too early is left out without being opened. One that
    cannot be scanned and has no time is kept in any case, so that it is told.
    """
    recording = recording_of(row)
    site = site_of(recording.uri, conventions.site)
    if deployments is not None and (zone := deployments.timezone_of(site)):
        conventions = dataclasses.replace(conventions, timezone=zone)
    metadata = WavMetadata()

    def times(uri: str) -> Sequence[datetime]:
        nonlocal metadata
        metadata = metadata_in(uri)
        return metadata.times

    def with_time(when: datetime | None) -> Recording | Unscannable:
        place = place_of(metadata, deployments, site, when)
        described = dataclasses.replace(recording, recorded_at=when, site=site, **place)
        return described if isinstance(row, Recording) else dataclasses.replace(row, recording=described)

    named = recorded_at(recording.uri, conventions)
    if isinstance(row, Unscannable) and row.stage == DELETED:
        return with_time(named)
    if chosen.certainly_older(named):
        return SINCE
    if isinstance(row, Recording):
        named = recorded_at(recording.uri, conventions, times)
    why = chosen.why_not(named, recording.modified, zone_of(conventions.timezone))
    keep = not why or (why == NO_TIME and isinstance(row, Unscannable))
    return with_time(named) if keep else why


def place_of(
    metadata: WavMetadata, deployments: Deployments | None, site: str | None, when: datetime | None
) -> dict[str, Any]:
    """The latitude, longitude and recorder of a recording: by its deployment, or else by its metadata."""
    deployed = deployments.at(site, when, metadata.recorder) if deployments is not None else None
    here = deployed or metadata
    return {
        "latitude": here.latitude,
        "longitude": here.longitude,
        "recorder": metadata.recorder or (deployed.recorder or None if deployed else None),
    }


@dataclasses.dataclass
class DescribeRecordings(beam.PTransform):
    """Recordings and unscannable files → the same with their time and place, without those that are not wanted.

    Args:
        conventions: Where times and sites are read from.
        chosen: When the recordings begin that are wanted.
        spread: Whether to distribute them over all workers first, because one worker lists a whole pattern.
        deployments: Where and when recorders were; None: unknown.

    Returns:
        A tuple of ``rows``, and ``left_out``: the numbers of what was left out, (name, 1), to be added up by name.
    """

    conventions: Conventions
    chosen: ChosenTimes = ANY_TIME
    spread: bool = True
    deployments: Deployments | None = None

    def expand(self, rows: beam.PCollection) -> Any:
        """Adds the step to the graph."""
        if self.spread:
            rows = spread(rows, "Spread", Recording)
        describing = _Describe(self.conventions, self.chosen, self.deployments)
        return rows | "Describe" >> beam.ParDo(describing).with_outputs("left_out", main="rows")


@beam.typehints.with_output_types(Row, left_out=tuple[str, int])
class _Describe(beam.DoFn):
    def __init__(self, conventions: Conventions, chosen: ChosenTimes, deployments: Deployments | None):
        self._conventions, self._chosen, self._deployments = conventions, chosen, deployments

    def process(self, row: Recording | Unscannable) -> Iterator[Any]:
        described: Recording | Unscannable | str
        try:
            described = describe(row, self._conventions, self._chosen, self._deployments)
        except Exception:  # whatever is odd about one name or time costs no other recording its results
            count("describe_failed")
            described = row
        if isinstance(described, str):
            count(f"recordings_left_out_{described.replace(' ', '_')}")
            yield beam.pvalue.TaggedOutput("left_out", (f"{NOT_CHOSEN}{described}", 1))
            return
        if recording_of(described).recorded_at is None:
            count("recorded_at_unknown")
        yield described
