"""Damaged sound files without end: each is one seed file of a known kind, mutated by a generator of numbers."""

import contextlib
import io
import struct

import numpy as np

from tests.transforms.audio_files import encode, noise

EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
WIDE = (10**12, 2**40, 2**62, 2**63 - 1, 2**64 - 1)


def seeds():
    """name → bytes of small good files of every kind that is read here."""
    mono, stereo = noise(0.7, 16000), noise(1.3, 22050, 2, seed=1)
    found = {
        "pcm.wav": encode(stereo, 22050, "WAV", "PCM_16"),
        "pcm24.wav": encode(mono, 16000, "WAVEX", "PCM_24"),
        "float.wav": encode(mono, 16000, "WAV", "FLOAT"),
        "ulaw.wav": encode(mono, 16000, "WAV", "ULAW"),
        "adpcm.wav": encode(mono, 16000, "WAV", "IMA_ADPCM"),
        "x.rf64": encode(mono, 16000, "RF64", "PCM_16"),
        "x.w64": encode(mono, 16000, "W64", "PCM_16"),
        "x.aiff": encode(stereo, 22050, "AIFF", "PCM_16"),
        "x.au": encode(mono, 16000, "AU", "PCM_16"),
        "x.caf": encode(mono, 16000, "CAF", "PCM_16"),
        "mono.flac": encode(mono, 16000, "FLAC"),
        "stereo.flac": encode(stereo, 22050, "FLAC", "PCM_24"),
        "vorbis.ogg": encode(stereo, 22050, "OGG", "VORBIS"),
        "opus.ogg": encode(mono, 16000, "OGG", "OPUS"),
        "constant.mp3": encode(stereo, 22050, "MP3"),
        "variable.mp3": encode(mono, 16000, "MP3", bitrate_mode="VARIABLE"),
    }
    found["tagged.mp3"] = id3(b"\0" * 300) + id3(b"") + found["constant.mp3"]
    found["tagged.flac"] = id3(b"\0" * 64) + found["mono.flac"]
    with contextlib.suppress(ImportError):
        found.update({"aac.m4a": _aac(stereo, 22050, "mp4"), "aac.aac": _aac(stereo, 22050, "adts")})
    return found


def id3(content, size=None):
    """An ID3v2 tag; ``size`` is what it claims."""
    size = len(content) if size is None else size
    return b"ID3\x03\0\0" + bytes(size >> 7 * (3 - i) & 0x7F for i in range(4)) + content


def _aac(x, rate, format):
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=format) as container:
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        data = np.ascontiguousarray(x.T)
        for at in range(0, data.shape[1] - 1023, 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data[:, at : at + 1024]), "fltp", "stereo")
            frame.sample_rate, frame.pts = rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def flip_header(data, rng):
    at = rng.integers(0, min(len(data), 256), rng.integers(1, 6))
    return _set_bytes(data, at, rng)


def flip_anywhere(data, rng):
    return _set_bytes(data, rng.integers(0, len(data), rng.integers(1, 40)), rng)


def _set_bytes(data, at, rng):
    changed = bytearray(data)
    for i in at:
        changed[i] = rng.integers(0, 256)
    return bytes(changed)


def lie(data, rng):
    """A number somewhere in the header becomes an extreme one, of either byte order: lengths, rates, channels."""
    form = rng.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"])
    values = WIDE if form[1] == "Q" else EXTREMES
    value = values[rng.integers(len(values))]
    packed = struct.pack(form, value & (1 << 8 * struct.calcsize(form)) - 1)
    at = int(rng.integers(0, min(len(data), 128)))
    return data[:at] + packed + data[at + len(packed) :]


def cut(data, rng):
    return data[: rng.integers(0, len(data))]


def cut_start(data, rng):
    return data[rng.integers(0, min(len(data), 4096)) :]


def remove(data, rng):
    at = int(rng.integers(0, len(data)))
    return data[:at] + data[at + int(rng.integers(1, 3000)) :]


def insert(data, rng):
    at = int(rng.integers(0, len(data)))
    return data[:at] + rng.bytes(int(rng.integers(1, 3000))) + data[at:]


def repeat(data, rng):
    at = int(rng.integers(0, len(data)))
    part = data[at : at + int(rng.integers(4, 2000))]
    return data[:at] + part * int(rng.integers(2, 20)) + data[at:]


def zero(data, rng):
    at, length = int(rng.integers(0, len(data))), int(rng.integers(1, 4000))
    return data[:at] + b"\0" * len(data[at : at + length]) + data[at + length :]


def tags(data, rng):
    """Tags in tags in front, some of which claim sizes that they do not have."""
    front = b""
    for _ in range(int(rng.integers(1, 80))):
        size = None if rng.random() < 0.8 else int(rng.integers(0, 1 << 28))
        front = id3(front if rng.random() < 0.5 else b"\0" * int(rng.integers(0, 50)), size)
    return front + data


def join(data, rng):
    every = list(seeds_once().values())
    return data + every[rng.integers(len(every))]


def not_numbers(data, rng):
    """Where the bytes are floats, some become NaN, infinite or absurd."""
    bad = [struct.pack("<f", v) for v in (float("nan"), float("inf"), float("-inf"), 3e38, 1e-45)]
    changed = bytearray(data)
    for at in rng.integers(64, max(65, len(data) - 4), 20):
        at = int(at) & ~3
        changed[at : at + 4] = bad[rng.integers(len(bad))]
    return bytes(changed)


MUTATIONS = (
    flip_header,
    flip_anywhere,
    lie,
    lie,
    cut,
    cut_start,
    remove,
    insert,
    repeat,
    zero,
    tags,
    join,
    not_numbers,
)
_seeds: dict[str, bytes] = {}


def seeds_once():
    if not _seeds:
        _seeds.update(seeds())
    return _seeds


def wav(rate=16000, channels=1, bits=16, tag=1, data=b"\1\0" * 16000, claimed=None, align=None):
    """A WAV whose header says what one likes."""
    align = channels * bits // 8 if align is None else align
    fmt = struct.pack("<HHIIHH", tag, channels, rate & 0xFFFFFFFF, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    size = len(data) if claimed is None else claimed
    riff = b"RIFF" + struct.pack("<I", 36 + size & 0xFFFFFFFF) + b"WAVE"
    return riff + b"fmt \x10\0\0\0" + fmt + b"data" + struct.pack("<I", size) + data


def by_hand():
    """name → bytes: what a generator rarely hits."""
    flac = bytearray(encode(noise(0.5, 16000), 16000, "FLAC"))
    flac[21:26] = bytes([flac[21] | 0x0F, 255, 255, 255, 255])  # 2^36 − 1 samples
    au = b".snd" + struct.pack(">5I", 24, 0xFFFFFFFE, 3, 16000, 1) + b"\0\1" * 9000
    rf64 = bytearray(encode(noise(0.5, 16000), 16000, "RF64"))
    ds64 = rf64.find(b"ds64")
    rf64[ds64 + 8 : ds64 + 32] = struct.pack("<QQQ", 2 * 10**12, 2 * 10**12, 10**12)
    return {
        "rate0.wav": wav(rate=0),
        "rate_huge.wav": wav(rate=0xFFFFFFFF),
        "rate1.wav": wav(rate=1),
        "channels0.wav": wav(channels=0),
        "channels65535.wav": wav(channels=65535, align=2),
        "channels1024.wav": wav(channels=1024, data=b"\1\0" * 200_000),
        "bits0.wav": wav(bits=0),
        "bits33.wav": wav(bits=33),
        "wrapped.wav": wav(claimed=100),
        "claims4GB.wav": wav(claimed=0xFFFFFFFF),
        "claims0.wav": wav(claimed=0),
        "nan.wav": wav(bits=32, tag=3, data=struct.pack("<f", float("nan")) * 16000),
        "inf.wav": wav(bits=32, tag=3, data=struct.pack("<ff", float("inf"), 0.5) * 8000),
        "trillion.flac": bytes(flac),
        "trillion.rf64": bytes(rf64),
        "endless.au": au,
        "tags.mp3": b"".join(id3(b"\0" * 10) for _ in range(5000)),
        "tag_claims_256MB.mp3": id3(b"", (1 << 28) - 1) + encode(noise(0.5, 16000), 16000, "MP3"),
        "one_byte.wav": b"R",
        "magic.flac": b"fLaC",
        "magic.ogg": b"OggS",
        "magic.m4a": b"\0\0\0\x20ftypM4A ",
        "noise.mp3": np.random.default_rng(0).bytes(60_000),
        "syncs.mp3": b"\xff\xfb\x90\x00" * 9000,
        "syncs.flac": b"fLaC" + b"\xff\xf8\xc9\x08" * 9000,
        "zeros.wav": b"\0" * 50_000,
    }


def mutated(count, seed=0):
    """(name, bytes) of ``count`` damaged files, the same ones for the same seed."""
    good = list(seeds_once().items())
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        name, data = good[i % len(good)]
        for _ in range(int(rng.integers(1, 4))):
            if len(data):
                data = MUTATIONS[rng.integers(len(MUTATIONS))](data, rng)
        if rng.random() < 0.05:
            name = good[rng.integers(len(good))][0]  # named as another kind
        yield f"{i}-{name}", data
