"""Sound files for tests, synthesized: clean ones, and ones that lie, break off or are no sound at all."""

import io

import numpy as np
import soundfile as sf

from soundbeam.transforms.decoders import DecodeError, open_decoder


def noise(seconds: float, rate: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Coloured noise below full scale, float32 [frames, channels], different in each channel."""
    x = np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    x[1:] += 0.7 * x[:-1]
    return (0.1 * x).clip(-0.99, 0.99).astype(np.float32)


def encode(x: np.ndarray, rate: int, format: str = "WAV", subtype: str | None = None, **options) -> bytes:
    """The bytes of a file; in small blocks, because libsndfile's Vorbis encoder overflows its stack on large ones."""
    file = io.BytesIO()
    x = x[:, None] if x.ndim == 1 else x
    with sf.SoundFile(file, "w", rate, x.shape[1], format=format, subtype=subtype, **options) as out:
        for at in range(0, len(x), 8192):
            out.write(x[at : at + 8192])
    return file.getvalue()


def mp3_frame_bytes(head: bytes) -> int:
    """Length of the MPEG-1 or -2 layer 3 frame that begins here, from the format's own tables."""
    first = head[1] & 8
    kbps = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    kbps = kbps if first else [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    rate = [44100, 48000, 32000][head[2] >> 2 & 3] // (1 if first else 2)
    return (144 if first else 72) * 1000 * kbps[head[2] >> 4] // rate + (head[2] >> 1 & 1)


def loud_then_quiet(rate: int = 48000, seconds: float = 20.0) -> np.ndarray:
    """Loud noise, then a soft tone: a variable bit rate makes a guess from the first frames far too short."""
    t = np.arange(round(seconds * rate)) / rate
    x = 0.05 * np.sin(2 * np.pi * 440 * t)
    x[: 2 * rate] = 0.3 * np.random.default_rng(1).standard_normal(2 * rate)
    return x.clip(-0.99, 0.99).astype(np.float32)


def vbr_mp3(seconds: float = 20.0) -> bytes:
    """An MP3 of variable bit rate, with its Xing frame."""
    x = loud_then_quiet(seconds=seconds)
    return encode(x, 48000, "MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.5)


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """The data with some bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


def decode(path, decoder="soundfile"):
    """(samples, rate, promised, the DecodeError that ended it or None, defects)."""
    trouble, blocks = None, []
    with open_decoder(str(path), decoder) as stream:
        try:
            for block in stream.blocks():
                assert block.dtype == np.float32 and block.ndim == 2 and 0 < len(block) <= 16384
                blocks.append(block)
        except DecodeError as e:
            trouble = e
        samples = np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), np.float32)
        return samples, stream.sample_rate, stream.promised, trouble, stream.defects


def write(tmp_path, name, data):
    """Writes a file and gives its path."""
    path = tmp_path / name
    path.write_bytes(data)
    return path
