"""When and where a recording was made: names, patterns, chunks and time zones, against times written out by hand."""

import struct
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.describe_recordings import recorded_at
from soundbeam.transforms.listing.times_in_names import (
    Conventions,
    compile_pattern,
    from_name,
    from_pattern,
    parse_date,
    site_of,
    to_utc,
    zone_of,
)
from soundbeam.transforms.listing.times_in_wav import audiomoth_time, iso_time, read_metadata

LOCAL = datetime(2024, 1, 31, 5, 30, 0)


def at(hours=0, minutes=0, when=LOCAL):
    return when.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240131_053000.WAV", LOCAL),
        ("20240131_053000T.WAV", LOCAL),
        ("SITE_20240131_053000.wav", LOCAL),
        ("SITE_0+1_20240131_053000.wav", LOCAL),
        ("SITE-A_20240131_053000_000.wav", LOCAL),
        ("SITE_20240131$053000.wac.wav", LOCAL),
        ("2024-01-31T05-30-00.flac", LOCAL),
        ("2024-01-31 05:30:00.flac", LOCAL),
        ("2024-01-31_05h30m00.flac", LOCAL),
        ("rec 2024.01.31-05.30.00.250.mp3", LOCAL.replace(microsecond=250_000)),
        ("2024-01-31T05-30-00Z.flac", at()),
        ("20240131T053000Z_x.flac", at()),
        ("20240131T053000+1000_REC.flac", at(10)),
        ("20240131T053000+10:00.flac", at(10)),
        ("20240131T053000-0330_REC.flac", at(-3, -30)),
        ("20240131T053000+0545.flac", at(5, 45)),
        ("20240131_053000-060000.wav", LOCAL),
        ("20240131_053000_20240131_063000.wav", LOCAL),
        ("20200101_20240131_053000.wav", LOCAL),
        ("20241331_053000_20240131_053000.wav", LOCAL),
        ("5E2A3B4C.WAV", datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=0x5E2A3B4C)),
        ("20240131_053000", LOCAL),
        # No such time, or none at all.
        ("20241331_053000.WAV", None),
        ("20230229_053000.WAV", None),
        ("20240131_253000.WAV", None),
        ("20240131.wav", None),
        ("20240131_0530.wav", None),
        ("120240131_053000.wav", None),
        ("20240131_0530001.wav", None),
        ("20240131T053000+1500.flac", None),
        ("DEADBEEF.wav", None),
        ("20240131.WAV", None),
        ("5e2a3b4c.wav", None),
        ("", None),
    ],
)
def test_usual_names(name, expected):
    found = from_name(f"s3://bucket/20190101_000000/{name}")
    assert found == expected and (found is None or (found.tzinfo is None) == (expected.tzinfo is None))


@settings(deadline=None)
@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)))
def test_any_time_comes_back_from_the_name_that_strftime_writes(when):
    when = when.replace(microsecond=0)
    for form in ("SITE_%Y%m%d_%H%M%S.wav", "%Y-%m-%dT%H-%M-%S.wav", "%Y%m%dT%H%M%S+1000_x.wav"):
        expected = when.replace(tzinfo=timezone(timedelta(hours=10))) if "+1000" in form else when
        assert from_name(when.strftime(form)) == expected
    for form in ("x_%d%m%y-%H.%M.%S", "**/%Y/%j/%H%M%S*.wav"):
        # Two digits of a year mean 1969 to 2068.
        year = when if "%Y" in form or when.year < 2069 else None
        if year:
            assert from_pattern(f"file:///a/{when.strftime(form.replace('*', 'q'))}", form) == when


@settings(deadline=None)
@given(st.text())
def test_no_name_raises(name):
    for uri in (name, f"file:///{name}.wav"):
        recorded_at(uri, Conventions("*_%d%m%Y_%H%M%S", "Europe/Berlin", "{site}/*"))
        site_of(uri, "{site}_*")


@pytest.mark.parametrize(
    ("pattern", "uri", "expected"),
    [
        ("*_%d%m%y_%H%M.wav", "file:///a/x_310124_0530.WAV", LOCAL),
        ("*_%d%m%y_%H%M", "file:///a/x_310124_0530.WAV", LOCAL),
        ("%Y/%m/%d/%H%M%S.wav", "s3://b/site/2024/01/31/053000.wav", LOCAL),
        ("%Y%j-%H%M%S*", "file:///a/2024031-053000_left.flac", LOCAL),
        ("%s.wav", "file:///a/1706679000.wav", at(when=datetime(2024, 1, 31, 5, 30))),
        ("%Y%m%d_%H%M%S%z.wav", "file:///a/20240131_053000-0500.wav", at(-5)),
        ("%Y%m%d_%H%M%S.%f.wav", "file:///a/20240131_053000.5.wav", LOCAL.replace(microsecond=500_000)),
        ("%Y-%m-%d/*", "file:///a/2024-01-31/dawn.wav", datetime(2024, 1, 31)),
        ("100%%_%Y%m%d.wav", "file:///a/100%_20240131.wav", datetime(2024, 1, 31)),
        ("%Y%m%d.wav", "file:///a/x20240131.wav", None),
        ("%Y%m%d.wav", "file:///a/20241331.wav", None),
        ("%Y%j.wav", "file:///a/2023366.wav", None),
        ("%Y%j.wav", "file:///a/2024366.wav", datetime(2024, 12, 31)),
        ("%Y%m%d.wav", "file:///a/20240131.wav/b.wav", None),
    ],
)
def test_a_pattern_of_ones_own(pattern, uri, expected):
    assert from_pattern(uri, pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "uri", "expected"),
    [
        ("{site}/*.wav", "file:///data/North Ridge/a.WAV", "North Ridge"),
        ("{site}/*/*", "file:///data/siteA/night1/a.flac", "siteA"),
        ("recordings/{site}/**", "s3://b/recordings/siteA/2024/01/a.flac", "siteA"),
        ("{site}_*", "file:///data/SM4-01_20240131_053000.wav", "SM4-01"),
        ("{site}_%Y%m%d_%H%M%S", "file:///data/A_B_20240131_053000.wav", "A_B"),
        ("{site}_????????_??????", "file:///data/A_B_20240131_053000.wav", "A_B"),
        ("grid-{site}-x/**/*.wav", "file:///data/grid-7-x/a/b/c.wav", "7"),
        ("grid-{site}-x/**/*.wav", "file:///data/grid-7-x/c.wav", "7"),
        ("grid-{site}-x/*.wav", "file:///data/subgrid-7-x/c.wav", None),
        ("{site}/*.wav", "file:///a/x.flac", None),
        ("{site}/**", "file:///data/a\nb/x\ny.wav", "data"),
        ("{site}[1]/*", "file:///data/A[1]/x.wav", "A"),
    ],
)
def test_sites_by_patterns(pattern, uri, expected):
    assert site_of(uri, pattern) == expected


@pytest.mark.parametrize(
    ("option", "pattern", "words"),
    [
        ("--site", "*.wav", "holds no {site}"),
        ("--site", "{place}/*.wav", "there is no {place}"),
        ("--site", "{site/*.wav", "there is no {site"),
        ("--site", "{site}/{site}", "twice"),
        ("--recorded-at", "*_%H%M%S.wav", "no whole date"),
        ("--recorded-at", "%Y%m_%H.wav", "no whole date"),
        ("--recorded-at", "%Y%m%d_%Q.wav", "there is no %Q"),
        ("--recorded-at", "%Y%m%d_%", "there is no %"),
        ("--recorded-at", "%Y%Y%m%d", "twice"),
    ],
)
def test_a_bad_pattern_is_one_line(option, pattern, words):
    with pytest.raises(SoundbeamError, match=words.replace("{", r"\{")) as e:
        compile_pattern(pattern, option)
    assert "\n" not in str(e.value) and option in str(e.value)


def test_clocks_that_are_set_back_and_forward():
    berlin = zone_of("Europe/Berlin")
    utc = lambda *parts: datetime(*parts, tzinfo=timezone.utc)  # noqa: E731
    assert to_utc(datetime(2024, 7, 31, 5, 30), berlin) == utc(2024, 7, 31, 3, 30)
    # 27 October 2024, 2:30 happens twice, +2 first; 31 March 2024, 2:30 never does: the clock before is at +1.
    assert to_utc(datetime(2024, 10, 27, 2, 30), berlin) == utc(2024, 10, 27, 0, 30)
    assert to_utc(datetime(2024, 3, 31, 2, 30), berlin) == utc(2024, 3, 31, 1, 30)
    assert to_utc(LOCAL, zone_of("-03:30")) == utc(2024, 1, 31, 9, 0)
    assert to_utc(datetime(1, 1, 1), zone_of("Asia/Tokyo")) is None and to_utc(None, berlin) is None
    for name in ("Mars/Base", "../../etc/passwd", "", "+25:00"):
        with pytest.raises(SoundbeamError, match="no time zone"):
            zone_of(name)


def test_dates_as_since_takes_them():
    assert parse_date("2024-01-31", zone_of("+10:00")) == datetime(2024, 1, 30, 14, tzinfo=timezone.utc)
    assert parse_date("2024-01-31T05:30", zone_of("UTC")) == at()
    assert parse_date("2024-01-31T05:30:00+02:00", zone_of("+10:00")) == at(2)
    for text in ("2024-13-01", "yesterday", "20240131"):
        with pytest.raises(SoundbeamError, match="is not a date"):
            parse_date(text, zone_of("UTC"))


def chunk(name, content, pad=True):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (pad and len(content) & 1)


def wav(*chunks, data=b"\0" * 100, length=None, kind=b"RIFF"):
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16))
    sound = b"data" + struct.pack("<I", len(data) if length is None else length) + data
    before = b"".join(c for c in chunks if c[:4] != b"guan")
    after = b"".join(c for c in chunks if c[:4] == b"guan")
    body = b"WAVE" + fmt + before + sound + after
    return kind + struct.pack("<I", len(body)) + body


def info(comment):
    return chunk(b"LIST", b"INFO" + chunk(b"IART", b"AudioMoth 24F3") + chunk(b"ICMT", comment.encode() + b"\0\0"))


def bext(date, time):
    return chunk(b"bext", b"d" * 256 + b"o" * 32 + b"r" * 32 + date + time + bytes(264))


def wamd(text):
    part = lambda kind, content: struct.pack("<HI", kind, len(content)) + content  # noqa: E731
    return chunk(b"wamd", part(0, b"\1\0") + part(1, b"SM4BAT") + part(5, text))


def times(file):
    return list(read_metadata(lambda offset, n: file[offset : offset + n], len(file)).times)


MOTH = "Recorded at 05:30:00 31/01/2024 ({}) by AudioMoth 24F31901 at medium gain."


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (wav(info(MOTH.format("UTC"))), [at()]),
        (wav(info(MOTH.format("UTC+2"))), [at(2)]),
        (wav(info(MOTH.format("UTC-3:30"))), [at(-3, -30)]),
        (wav(info(MOTH.replace(" ({})", ""))), [at()]),
        (wav(info(MOTH.format("UTC").replace(":00 ", ":00.123 "))), [at(when=LOCAL.replace(microsecond=123_000))]),
        (wav(info(MOTH.format("UTC").replace("31/01", "31/13"))), []),
        (wav(chunk(b"guan", b"GUANO|Version: 1.0\nTimestamp: 2024-01-31T05:30:00+10:00\nMake: X")), [at(10)]),
        (wav(chunk(b"guan", b"GUANO|Version: 1.0\r\nTimestamp:2024-01-31 05:30:00\r\n")), [LOCAL]),
        (wav(chunk(b"guan", b"Timestamp: 2024-01-31T05:30:00.5Z")), [at(when=LOCAL.replace(microsecond=500_000))]),
        (wav(bext(b"2024-01-31", b"05:30:00")), [LOCAL]),
        (wav(bext(b"2024:01:31", b"05-30-00")), [LOCAL]),
        (wav(bext(b"0000-00-00", b"00:00:00")), []),
        (wav(wamd(b"2024-01-31 05:30:00-05:00")), [at(-5)]),
        (wav(wamd(b"2024-01-31 05:30:00")), [LOCAL]),
        (wav(bext(b"2023-01-31", b"05:30:00"), info(MOTH.format("UTC+2"))), [at(2), LOCAL.replace(year=2023)]),
        (wav(chunk(b"junk", b"odd", pad=False), info(MOTH.format("UTC"))), [at()]),
        (wav(chunk(b"junk", b"odd"), info(MOTH.format("UTC"))), [at()]),
        # The sound's length lies: what stands before it is read, what would stand after it is not found.
        (wav(info(MOTH.format("UTC")), chunk(b"guan", b"Timestamp: 2023-01-01T00:00:00Z"), length=2**31), [at()]),
        (wav(chunk(b"guan", b"Timestamp: 2023-01-01T00:00:00Z"), length=0), []),
        (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\xffINFOICMT\xff\xff\xff\xff" + MOTH.format("UTC").encode(), [at()]),
        (wav(), []),
        (b"", []),
        (b"RIFF", []),
        (b"fLaC" + bytes(100), []),
    ],
)
def test_chunks(file, expected):
    found = times(file)
    assert found == expected and [t.tzinfo is None for t in found] == [t.tzinfo is None for t in expected]


def test_an_rf64_file_says_its_length_elsewhere():
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, 100, 50, 0))
    guan = chunk(b"guan", b"Timestamp: 2024-01-31T05:30:00Z")
    assert times(wav(ds64, guan, length=0xFFFFFFFF, kind=b"RF64")) == [at()]


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_no_bytes_raise_and_few_are_read(noise, cut):
    good = wav(info(MOTH.format("UTC")), bext(b"2024-01-31", b"05:30:00"), wamd(b"2024-01-31 05:30:00"))
    for file in (noise, b"RIFF\0\0\0\0WAVE" + noise, good[:cut] + noise + good[cut:]):
        read = []
        read_metadata(lambda o, n, file=file, read=read: read.append(n) or file[o : o + n], 2**62)
        assert sum(read) <= 64 * (1 << 16) * 2


@settings(deadline=None)
@given(st.text())
def test_no_text_raises(text):
    for said in (text, f"2024-01-31T05:30:00{text}", f"Recorded at 05:30:00 31/01/2024 (UTC{text})"):
        iso_time(said)
        audiomoth_time(said)


def test_what_is_more_certain_goes_first():
    uri, naive, exact = "file:///a/20240131_053000.wav", LOCAL.replace(hour=7), at(2, when=LOCAL.replace(hour=9))
    told = lambda uri, *found, **said: recorded_at(uri, Conventions(**said), lambda _: list(found))  # noqa: E731
    pattern = {"recorded_at": "%Y%d%m_%H%M%S", "timezone": "+01:00"}
    assert told("file:///a/20240102_053000.wav", exact, **pattern) == datetime(2024, 2, 1, 4, 30, tzinfo=timezone.utc)
    assert told(uri, exact, naive, **pattern) == exact
    assert told(uri, naive, timezone="+01:00") == at(1)
    assert told("file:///a/20240131T053000+1000.wav", exact) == exact
    assert told("file:///a/dawn.wav", naive, timezone="+01:00") == naive.replace(tzinfo=zone_of("+01:00"))
    assert told("file:///a/dawn.wav") is None
