"""What a decoder sees of a file: compared with the same bytes in one piece."""

import io

from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms.decoders.source import _CHUNK, Source

SIZE = 2 * _CHUNK + 1000
DATA = bytes(range(251)) * (SIZE // 251 + 1)
STEPS = st.lists(
    st.tuples(st.sampled_from(["read", "readinto", "seek"]), st.one_of(st.integers(0, 40), st.integers(0, SIZE + 99))),
    max_size=20,
)


@given(
    st.binary(max_size=30),
    st.one_of(st.integers(0, 50), st.integers(0, SIZE)),
    st.lists(st.tuples(st.integers(0, SIZE - 8), st.binary(min_size=1, max_size=8)), max_size=3),
    st.one_of(st.none(), st.integers(0, SIZE)),
    STEPS,
)
def test_reads_and_seeks_are_those_of_the_repaired_bytes(prefix, skip, patches, end, steps):
    source = Source(io.BytesIO(DATA[:SIZE]))
    source.read(100)  # what was read before must not be seen later
    source.present(prefix, skip, patches, end=end)
    repaired = bytearray(DATA[:SIZE])
    for at, patch in patches:
        repaired[at : at + len(patch)] = patch
    seen = io.BytesIO(prefix + bytes(repaired[skip : SIZE if end is None else max(skip, end)]))
    for step, n in steps:
        if step == "seek":
            assert source.seek(n) == seen.seek(n)
        elif step == "read":
            assert source.read(n) == seen.read(n)
        else:
            ours, theirs = bytearray(n), bytearray(n)
            assert source.readinto(ours) == seen.readinto(theirs)
            assert ours == theirs
        assert source.tell() == seen.tell()
    assert source.size == len(seen.getvalue())


@given(st.one_of(st.integers(500, 9000), st.integers(500, SIZE)))
def test_what_is_read_is_passed_on_once_and_in_order(count):
    source, passed = Source(io.BytesIO(DATA[:SIZE])), bytearray()

    def take(offset, data):
        assert offset == len(passed)
        passed.extend(data)

    source.on_read = take
    while source.readinto(bytearray(count)):
        pass
    assert passed == DATA[:SIZE]


def test_a_read_may_end_before_at_and_behind_the_end_of_what_was_read_ahead():
    for prefix in (b"", b"head"):
        source = Source(io.BytesIO(DATA[:SIZE]))
        source.present(prefix)
        border, seen = len(prefix) + _CHUNK, prefix + DATA[:SIZE]
        for count in range(12):
            source.seek(border - 6)
            source.read(1)
            buffer = bytearray(count)
            assert source.readinto(buffer) == count
            assert buffer == seen[border - 5 :][:count]
            assert source.tell() == border - 5 + count
