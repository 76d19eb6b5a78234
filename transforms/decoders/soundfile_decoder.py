"""The default decoder: libsndfile, which reads block by block from a file object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soundfile

from soundbeam.model.errors import DecodeCause
from soundbeam.transforms.decoders import flac, pcm
from soundbeam.transforms.decoders.base import BLOCK_FRAMES, AudioStream, DecodeError
from soundbeam.transforms.decoders.containers import read_header
from soundbeam.transforms.decoders.mpeg import find_mp3
from soundbeam.transforms.decoders.source import Source

# How many frames are requested from libsndfile at once. So many may be lost before a break, because it does not say how
# many were good. If samples are stored one after another, only reading can fail, and all that was read is good.
_STEP = 4096
_MOST_SAMPLES = 1 << 20  # in a block of many channels
_UNKNOWN = 1 << 62  # libsndfile says 2^63 − 1 frames if it does not know
_SEEKABLE = ("wav", "rf64", "w64", "aiff", "au", "caf", "flac")
# In these, any frame can be found; in compressed WAVs only blocks can.
_EXACT = ("wav", "rf64", "w64", "aiff", "flac")
_LITTLE = (b"RIFF", b"RF64", b"riff")  # the kinds whose samples start with the low byte
_LINEAR = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_OGG_PAGE = 1 << 16
_LOOK_AHEAD = 1 << 19  # more than the longest FLAC frame

_EXPLAINED: dict[str, tuple[str, DecodeCause]] = {
    "format not recognised": ("not a kind of sound file that is known here", "format"),
    "file contains data in an unimplemented format": ("a kind of sound file that libsndfile does not decode", "format"),
    "flac decoder lost sync": ("the FLAC data are damaged or cut off here", "damaged"),
    "unspecified internal error": ("the data are damaged or cut off here", "damaged"),
    "flac channel changed": ("the number of channels changes here", "changed"),
    "no 'data' chunk": ("the header has no data chunk: nothing but a header was written", "truncated"),
    "sf_info struct incomplete": ("the header names no sample rate, channels or kind of samples", "damaged"),
    "malformed": ("the header is damaged or cut off", "damaged"),
}


class _SoundFile(soundfile.SoundFile):
    """A SoundFile that only reads on: the base class seeks after each block, which fails if the length is unknown."""

    def seekable(self) -> bool:
        return False


def explain(error: Exception) -> DecodeError:
    """Turns libsndfile's message into one that a user understands."""
    original = getattr(error, "error_string", str(error)).strip()
    for key, (message, cause) in _EXPLAINED.items():
        if key in original.lower():
            return DecodeError(f"{message} (libsndfile: {original})", cause)
    return DecodeError(f"the data are damaged, or of a kind that libsndfile does not decode (libsndfile: {original})")


class SoundfileStream(AudioStream):
    """A recording read by libsndfile. Its content decides which kind of file it is.

    Args:
        source: The bytes of the file; closed with the stream.
        extension: The extension of the name, e.g. ``.mp3``; decides what to look for in a file that is not recognised.

    Raises:
        DecodeError: It is not a sound file that libsndfile reads, or it cannot be read at all.
    """

    def __init__(self, source: Source, extension: str = ""):
        super().__init__()
        self._source = source
        self._sound: _SoundFile | None = None
        self._first: tuple[np.ndarray, DecodeError | None] | None = None
        self._rate_tracker: flac.RateTracker | None = None
        self._samples: pcm.Samples | None = None
        self._uncounted = False  # whether the number of samples in a FLAC's header is hidden from libsndfile
        self._position = 0  # frames that libsndfile has given
        self._at = self._skip = 0  # the first frame of the next block, and how many of its frames to skip
        try:
            self._open(extension)
        except BaseException:
            self.close()
            raise

    def _open(self, extension: str) -> None:
        source = self._source
        self._header = header = read_header(source.read_at, source.real_size)
        source.check()
        self.promised = header.promised
        if header.kind == "flac":
            self.promised = flac.promised(source.read_at(header.skip, 64))
            end = None if self.promised else flac.end_of_stream(source.read_at, source.real_size)
            source.present(skip=header.skip, end=end)
            self._rate_tracker = source.on_read = flac.RateTracker()
        else:
            source.present(header.prefix, header.skip, header.patches, header.endless, header.end)
        try:
            self._sound = self._sound_file()
        except DecodeError as e:
            source.check()
            if not self._mend(extension):
                if header.kind == "flac":
                    raise DecodeError("its FLAC header is damaged or cut off") from e
                raise
        self._begin()
        first, error = self._first or self._block()
        unlike = self._rate_tracker is not None and self._rate_tracker.rate not in (0, self.sample_rate)
        if header.kind == "flac" and (unlike or (error is not None and not len(first))) and self._mend(extension):
            self._begin()  # the frames describe themselves, whatever the header says

    def _begin(self) -> None:
        """Takes what libsndfile says about the file, and the first block, which shows whether the header is right."""
        assert self._sound is not None
        self.sample_rate, self.channels = int(self._sound.samplerate), int(self._sound.channels)
        plain = self._header.kind in _EXACT and self._sound.format != "FLAC"
        self._linear = plain and self._sound.subtype.startswith(_LINEAR)
        if self.promised is None and 0 < self._sound.frames < _UNKNOWN and not self._header.endless:
            self.promised = self._sound.frames
        begin = self._source.pos
        self._first = first, error = self._block()
        if plain and error is None and self._source.read_at(0, 4) in _LITTLE:
            self._samples = pcm.samples_after(first, self._source, begin, self._sound.frames, self._sound.subtype)

    def _sound_file(self) -> _SoundFile:
        self._source.seek(0)
        self._position = 0
        try:
            return _SoundFile(self._source)
        except (soundfile.SoundFileError, TypeError, ValueError, RuntimeError) as e:
            raise explain(e) from e

    def _mend(self, extension: str) -> bool:
        """Tries again if the header is lost but frames are there; returns whether that helped."""
        data = self._source.read_at(0, 1 << 20)
        self._rate_tracker = self._source.on_read = None
        rebuilt = flac.rebuild(data) if extension == ".flac" or self._header.kind == "flac" else None
        first = find_mp3(self._source.read_at, 0) if extension == ".mp3" else None
        if rebuilt is not None:
            prefix, skip = rebuilt
            self._source.present(prefix, skip)
            self._rate_tracker = self._source.on_read = flac.RateTracker()
        elif first is not None:
            self._source.present(skip=first, endless=True)
        else:
            return False
        self.promised = None
        try:
            self._sound = self._sound_file()
        except DecodeError:
            return False
        return True

    def blocks(self) -> Iterator[np.ndarray]:  # noqa: D102
        done, skip = self._at, self._skip
        while True:
            block, error = self._first or self._block()
            self._first = None
            if self._rate_tracker is not None and self._rate_tracker.change is not None:
                before, rate = self._rate_tracker.change
                if done + len(block) >= before or error is not None:
                    block = block[: max(0, before - done)]
                    message = f"the sample rate changes from {self.sample_rate} to {rate} Hz here"
                    error = error if len(block) + done < before else DecodeError(message, "changed")
            done += len(block)
            if len(block) > skip:
                yield block[skip:]
            skip = 0
            if error is not None:
                raise error
            if not len(block) and not self._open_next(done):
                break  # otherwise: continue with what follows
        if self._header.note:
            self.defects.append(self._header.note)
        if self._header.kind == "ogg":
            self._check_ogg_end()

    def _length(self) -> int:
        """How many frames a block has."""
        return max(1, min(BLOCK_FRAMES, _MOST_SAMPLES // self.channels))

    def _block(self) -> tuple[np.ndarray, DecodeError | None]:
        assert self._sound is not None
        length, done = self._length(), 0
        if self._samples is not None:
            return self._samples.read(length), self._storage_error()
        block = np.empty((length, self.channels), np.float32)
        step = length if self._linear else _STEP
        if self._header.kind == "flac" and self.promised and not self._uncounted:
            length = min(length, self.promised - self._position)  # behind these libsndfile would look for another frame
        while done < length:
            rest = block[done : min(done + step, length)]
            try:
                n = self._sound.buffer_read_into(rest, "float32")
            except (soundfile.SoundFileError, RuntimeError, ValueError) as e:
                return block[:done], self._storage_error() or explain(e)
            if self._source.error is not None:
                return block[: done + n * self._linear], self._storage_error()
            done += n
            self._position += n
            if n < len(rest):
                break
        return block[:done], None

    def _storage_error(self) -> DecodeError | None:
        try:
            self._source.check()
        except DecodeError as e:
            return e
        return None

    def _open_next(self, done: int) -> bool:
        """Opens the sound that follows, if any: a header named too few frames, or an MP3 was joined from several."""
        source = self._source
        if self._header.kind == "flac":
            return self._open_rest_of_flac(done)
        if self._sound is None or self._sound.format != "MP3" or source.raw_pos >= source.real_size:
            return False
        follows = find_mp3(source.read_at, source.raw_pos)
        if follows is None or source.real_size - follows < 1024:
            return False
        self._sound.close()
        header = read_header(lambda o, n: source.read_at(follows + o, n), source.real_size - follows)
        patches = [(follows + at, patch) for at, patch in header.patches]
        source.present(skip=follows + header.skip, patches=patches, endless=header.endless)
        self._sound = self._sound_file()
        if (self._sound.samplerate, self._sound.channels) != (self.sample_rate, self.channels):
            rate, channels = self._sound.samplerate, self._sound.channels
            raise DecodeError(f"it goes on with {rate} Hz and {channels} channels here", "changed")
        self.promised = None
        return True

    def _open_rest_of_flac(self, done: int) -> bool:
        """Whether frames follow the last one that the header counts: then it is read again, without that count."""
        source, skip, tracker = self._source, self._header.skip, self._rate_tracker
        if self._uncounted or tracker is None or not self.promised or done < self.promised:
            return False
        tracker.look_ahead(source.read_at, _LOOK_AHEAD)
        end = flac.end_of_stream(source.read_at, source.real_size)
        if tracker.samples <= done:
            if tracker.last_end and tracker.last_end < end:
                self.defects.append(f"{end - tracker.last_end} bytes after the end of the sound were not decoded")
            return False
        assert self._sound is not None
        self._sound.close()
        hidden = flac.without_total(source.read_at(skip, 64))
        source.present(skip=skip, patches=[(skip + at, patch) for at, patch in hidden], end=end)
        self._rate_tracker = source.on_read = flac.RateTracker()
        self._sound, self._uncounted = self._sound_file(), True
        while done > 0:  # what has been yielded
            piece = self._sound.read(min(done, BLOCK_FRAMES), dtype="float32", always_2d=True)
            if not len(piece):
                return False
            done -= len(piece)
        return True

    def _check_ogg_end(self) -> None:
        """Checks the last page: an Ogg file states no length, but its last page is marked as such (RFC 3533)."""
        first = self._source.read_at(0, 32)
        tail = self._source.read_at(max(0, self._source.real_size - _OGG_PAGE), _OGG_PAGE)
        last = tail[max(0, tail.rfind(b"OggS\0")) :]
        if last[14:18] != first[14:18]:
            self.defects.append("other streams follow the first one in this Ogg file; they were not decoded")
        elif len(last) < 27 or not last[5] & 4 or len(last) < 27 + last[26] + sum(last[27 : 27 + last[26]]):
            self.defects.append("the Ogg stream has no end: the file was cut off")

    def seek(self, frame: int) -> bool:  # noqa: D102
        if self._sound is None or self._header.kind not in _SEEKABLE:
            return False
        aligned = frame - frame % self._length()  # so that a break loses exactly as much as without ranges
        self._source.on_read = None  # it must not see what the search reads
        try:
            if self._sound.seek(aligned) == aligned:
                if self._samples is not None:
                    self._samples.seek(aligned)
                self._first, self._at, self._skip, self._position = None, aligned, frame - aligned, aligned
                if self._rate_tracker is not None:
                    self._rate_tracker = self._source.on_read = flac.RateTracker(self._rate_tracker.rate, midway=True)
                return True
        except (soundfile.SoundFileError, RuntimeError):
            pass
        self._sound.close()
        self._samples = None  # it continues after the first block, but libsndfile restarts at frame 0
        if self._rate_tracker is not None:
            self._rate_tracker = self._source.on_read = flac.RateTracker()
        self._sound, self._first = self._sound_file(), None
        return False

    def seekable_frames(self) -> int | None:  # noqa: D102
        if self._sound is None or self._header.kind not in _EXACT or not self._sound.subtype.startswith(_LINEAR):
            return None
        return self._sound.frames if 0 < self._sound.frames < _UNKNOWN else self.promised

    def close(self) -> None:  # noqa: D102
        if self._sound is not None:
            self._sound.close()
        self._source.close()
