"""Stretches read by processes that work ahead: what a plain reader gives, in order, whatever stands between them."""

import json
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms.decoders import DecodeError
from soundbeam.transforms.decoding import clip_reader
from soundbeam.transforms.decoding.clip_reader import decode_isolated, read_excerpts
from soundbeam.transforms.decoding.excerpt import Excerpt
from soundbeam.transforms.isolation import isolated_process as isolation
from tests import ROOT
from tests.transforms.audio_files import encode, noise, write

HOOKS = ROOT / "tests" / "faults" / "hooks"


@pytest.fixture
def stretches(tmp_path):
    """More than are read ahead: short and long by turns, and some that cannot be read; with the samples of each."""
    found = []
    for i in range(26):
        kind = ("WAV", "FLAC")[i % 2]
        path = write(tmp_path, f"{i}.{kind.lower()}", encode(noise(0.1 + 8 * (i % 5 == 0), 16000, seed=i), 16000, kind))
        sound, _ = soundfile.read(path, dtype="float32")
        found.append((Excerpt(f"file://{path}"), sound))
    long = write(tmp_path, "long.wav", encode(noise(150, 16000), 16000))
    sound, _ = soundfile.read(long, dtype="float32")
    assert len(sound) > 2 * clip_reader._PIECE
    found.insert(3, (Excerpt(f"file://{long}", 0.0, None), sound))
    found.insert(9, (Excerpt(f"file://{long}", 100.25, 101.0), sound[1604000:1616000]))
    found.insert(10, (Excerpt(f"file://{long}", 149.5, 200.0), sound[2392000:]))
    text = write(tmp_path, "text.wav", b"no sound" * 100)
    found.insert(1, (Excerpt(f"file://{text}", 0.0, None), f"file://{text}: not a kind of sound file"))
    found.insert(12, (Excerpt(f"file://{tmp_path}/gone.wav", 0.0, None), f"file://{tmp_path}/gone.wav: "))
    found.append((Excerpt(f"file://{long}", 151.0, None), "it has no sound after 151.0 s"))
    return found


def same(got, expected):
    if isinstance(expected, str):
        return isinstance(got, str) and expected in got and "\n" not in got
    return got.dtype == np.float32 and np.array_equal(got, expected)


@pytest.mark.parametrize("processes", [1, 3])
def test_each_stretch_comes_in_its_turn_with_its_samples_or_why_not(stretches, processes):
    found = list(read_excerpts([stretch for stretch, _ in stretches], 16000, processes))
    assert len(found) == len(stretches)
    wrong = [stretch for got, (stretch, expected) in zip(found, stretches, strict=True) if not same(got, expected)]
    assert not wrong


def test_nothing_to_read():
    assert list(read_excerpts([], 16000, 2)) == []


def test_who_stops_in_the_middle_leaves_nothing_behind_for_the_next(stretches):
    broken_off = read_excerpts([stretch for stretch, _ in stretches], 16000, 2)
    assert same(next(broken_off), stretches[0][1])
    broken_off.close()
    (last, expected) = stretches[5]
    assert all(same(got, expected) for got in read_excerpts([last] * 3, 16000, 2))


def arm(monkeypatch, call, do, name):
    """Lets the decoding processes that are started from now on do something at a function's calls for a file."""
    fault = {"call": call, "n": 0, "do": do, "arg": name}
    monkeypatch.setenv("SOUNDBEAM_TEST_FAULT", json.dumps([fault]))
    monkeypatch.syspath_prepend(HOOKS)
    monkeypatch.setattr(isolation, "_idle", deque())


@pytest.mark.parametrize(
    ("do", "where", "words"),
    [
        ("crash", "/7.flac", "the decoder crashed on it"),
        ("crash", "/2", "the decoder crashed on it"),  # seven of them, six of which one process reads in one go
        ("hoard", "/7.flac", "needs more than"),
        ("hang", "/7.flac", "waiting without an end"),
        ("full", "/7.flac", "No space left on device"),  # an error that no decoder is expected to raise
    ],
)
def test_a_recording_that_ends_the_process_costs_no_other_one(stretches, monkeypatch, do, where, words):
    arm(monkeypatch, "soundbeam.transforms.decoding.excerpt:ExcerptReader.read", do, where)
    monkeypatch.setattr(isolation, "STALL_S", 300.0 if do != "hang" else 3.0)
    found = list(read_excerpts([stretch for stretch, _ in stretches], 16000, 2))
    expected = [words if where in stretch[0] else of for stretch, of in stretches]
    assert [same(got, of) for got, of in zip(found, expected, strict=True)] == [True] * len(stretches)


blocks = st.lists(st.integers(0, 9), max_size=9)


@given(st.lists(st.tuples(blocks, st.booleans()), min_size=1, max_size=9), st.integers(1, 20), st.integers(1, 6))
def test_many_stretches_at_once_in_pieces_of_any_size(each, samples, limit):
    """Blocks of these lengths, with or without a break at their end: nothing is lost, and no piece is too large."""

    def read(i):
        for n, length in enumerate(each[i][0]):
            yield np.full(length, 10 * i + n, np.float32)
        if each[i][1]:
            raise DecodeError(f"{i} breaks")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_reader, "_PIECE", samples)
        patch.setattr(clip_reader, "_PIECE_BLOCKS", limit)
        messages = list(clip_reader._pieces(read, [(i,) for i in range(len(each))]))
    for message in messages:
        assert sum(len(piece) for piece in message if isinstance(piece, np.ndarray)) < samples + 9
    found = list(
        clip_reader._samples_of_excerpts(SimpleNamespace(take=lambda: iter(messages)), [Excerpt("")] * len(each), 16000)
    )
    for i, ((lengths, broken), got) in enumerate(zip(each, found, strict=True)):
        values = [10 * i + n for n, length in enumerate(lengths) for _ in range(length)]
        expected = np.array(values, np.float32) if values else f"{i} breaks" if broken else "there is no sound in it"
        assert same(got, expected)


def test_short_stretches_come_together_and_long_ones_apart():
    def read(samples):
        yield np.zeros(samples, np.float32)

    assert len(list(clip_reader._pieces(read, [(64000,)] * 8))) == 1
    assert (
        len(list(clip_reader._pieces(read, [(clip_reader._PIECE,)] * 3))) == 4
    )  # each when it is there; then that all is


def test_a_mistake_in_the_middle_costs_the_whole_stretch():
    def read():
        yield np.ones(4, np.float32)
        raise ZeroDivisionError("of ours")

    with pytest.raises(ZeroDivisionError):  # for the process to tell; half a clip would be taken for a whole one
        list(clip_reader._pieces(read, [()]))


def test_a_stream_from_another_process_is_the_recording(stretches):
    (uri, *_), expected = stretches[4]
    assert uri.endswith("long.wav")
    pieces = list(decode_isolated(uri, 16000))
    assert len(pieces) > 2 and same(np.concatenate(pieces), expected)


def test_a_stream_that_breaks_gives_what_came_before_then_says_so(tmp_path):
    sound = noise(20, 16000)
    whole = encode(sound, 16000, "FLAC")
    path = write(tmp_path, "cut.flac", whole[: len(whole) // 2])
    pieces = []
    with pytest.raises(DecodeError, match=r"stopped at (9\.\d|10\.\d) s"):
        pieces.extend(decode_isolated(f"file://{path}", 16000))
    found = np.concatenate(pieces)
    assert 7 * 16000 < len(found) < 11 * 16000
    np.testing.assert_allclose(found, sound[: len(found), 0], atol=1 / 0x8000)


def test_a_stream_whose_process_crashes_says_so(stretches, monkeypatch):
    arm(monkeypatch, "soundbeam.transforms.decoding.blocks:resampled", "crash", "soundfile")
    with pytest.raises(DecodeError, match="the decoder crashed on it"):
        list(decode_isolated(stretches[0][0][0], 16000))
