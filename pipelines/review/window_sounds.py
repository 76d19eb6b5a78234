"""The sound of windows and of what lies around them, as the page plays it: decoded by other processes, and kept."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import io
import threading

import numpy as np

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import state_of
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders import DecodeError
from soundbeam.transforms.decoding.excerpt import decode_excerpt
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed

_PATIENCE_S = 60.0  # for one window; whoever waits longer wants to be told
_PROCESSES = 2
_KEPT_BYTES = 256 << 20


@dataclasses.dataclass(frozen=True)
class Source:
    """A recording as the scan saw it.

    Attributes:
        uri: Its name.
        rate: Its own samples per second; None where the scan could not tell.
        bytes, version, content: Of the file that was scanned; "" or 0 where it was not recorded.
    """

    uri: str
    rate: int | None
    bytes: int = 0
    version: str = ""
    content: str = ""


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """What of a recording is wanted: seconds from its start, and a channel from 1 on or None for the mean of all."""

    source: Source
    start_s: float
    end_s: float
    channel: int | None = None


@dataclasses.dataclass(frozen=True)
class Sound:
    """An excerpt's sound.

    Attributes:
        start_s: Where it starts in the recording.
        wav: A WAV file, mono, float32, at the recording's own rate: a gain of 40 dB adds no noise to it.
    """

    start_s: float
    wav: bytes


class NotHeard(Exception):
    """A window cannot be heard. The message is one line: what happened to its recording."""


class WindowSounds:
    """Decodes excerpts in other processes, a few at a time, and keeps the newest; any thread may ask.

    Damaged files crash those processes, not the server. What is asked for twice is decoded once.
    """

    def __init__(self) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(_PROCESSES, thread_name_prefix="soundbeam-review")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[Excerpt, concurrent.futures.Future[Sound]] = collections.OrderedDict()

    def sound(self, excerpt: Excerpt) -> Sound:
        """Decodes an excerpt; what lies before the recording's start or after its end is left out.

        Raises:
            NotHeard: The recording is gone, has changed since the scan, or cannot be decoded there.
        """
        with self._lock:
            future = self._kept.get(excerpt)
            if future is None:
                future = self._kept[excerpt] = self._threads.submit(self._read, excerpt)
            self._kept.move_to_end(excerpt)
        try:
            return future.result()
        except NotHeard:
            with self._lock:  # the file may come back
                if self._kept.get(excerpt) is future:
                    del self._kept[excerpt]
            raise
        finally:
            self._drop_oldest()

    def close(self) -> None:
        """Drops what was asked for and not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _drop_oldest(self) -> None:
        with self._lock:
            total = 0
            for excerpt, future in list(reversed(self._kept.items())):
                if future.done() and not future.cancelled() and future.exception() is None:
                    total += len(future.result().wav)
                    if total > _KEPT_BYTES:
                        del self._kept[excerpt]

    def _read(self, excerpt: Excerpt) -> Sound:
        check_unchanged(excerpt.source)
        start_s, rate = max(0.0, excerpt.start_s), excerpt.source.rate
        if not rate:
            raise NotHeard("the scan could not decode this recording")
        if not hasattr(self._local, "process"):
            self._local.process = IsolatedProcess()
        process: IsolatedProcess = self._local.process
        arguments = (excerpt.source.uri, rate, start_s, excerpt.end_s, "soundfile", excerpt.channel)
        process.start(IsolatedTask(_decoded, arguments, _PATIENCE_S))
        pieces, problem = list[np.ndarray](), ""
        try:
            for piece in process.take():
                if isinstance(piece, str):
                    problem = piece
                else:
                    pieces.append(piece)
        except TaskFailed as e:
            problem = e.reason
        if not any(map(len, pieces)):
            raise NotHeard(problem.removeprefix(f"{excerpt.source.uri}: ") or "there is no sound in it")
        return Sound(start_s, as_wav(np.concatenate(pieces), rate))


def check_unchanged(source: Source) -> None:
    """Checks that a recording is still the file that was scanned, or a copy of it.

    Raises:
        NotHeard: It is gone or another one, or its store does not answer.
    """
    try:
        now = state_of(source.uri)
    except FileNotFoundError:
        raise NotHeard("this recording is gone; it was deleted or renamed since the scan") from None
    except Exception as e:  # stores have error classes of their own
        raise NotHeard(f"this recording cannot be read ({one_line(e)})") from e
    if not source.version or now == (source.bytes, source.version):
        return
    # A copy has a time of its own.
    if now[0] != source.bytes or (source.content and content_hash(source.uri) != source.content):
        raise NotHeard("this recording has changed since the scan, so its times may no longer be right; scan it again")


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """float32 ``[samples]`` as the bytes of a WAV file, mono, float32."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.float32, copy=False), rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def _decoded(*arguments):  # type: ignore[no-untyped-def]  # those of decode_excerpt
    """What the other process sends: pieces of sound, and then why there are no more if the recording breaks off."""
    from soundbeam.model.errors import SoundbeamError

    try:
        yield from decode_excerpt(*arguments)
    except (SoundbeamError, DecodeError) as e:
        yield one_line(e)
