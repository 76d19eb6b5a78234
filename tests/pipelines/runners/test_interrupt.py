"""An interrupt ends a run, also where Python drops the exception."""

import os
import signal
import threading
import time
import weakref

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import RunnerResult

from soundbeam.pipelines.runners.run import run


class Thing:
    pass


def drop_one_interrupt():
    """As the callback of a weak reference that is being called when the signal comes."""

    def callback(_):
        time.sleep(0.5)

    thing = Thing()
    reference = weakref.ref(thing, callback)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    del thing
    return reference


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_repeated(monkeypatch):
    dropped = []

    def wait(self, duration=None):
        dropped.append(drop_one_interrupt())
        time.sleep(20)

    monkeypatch.setattr(RunnerResult, "wait_until_finish", wait)
    # What a shell starts in the background ignores the signal, and so would these tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipeline = beam.Pipeline()
        _ = pipeline | beam.Create([1])
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run(pipeline)
        assert dropped and time.monotonic() - start < 15
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_users_own_stays(monkeypatch):
    seen = []

    def wait(self, duration=None):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

    monkeypatch.setattr(RunnerResult, "wait_until_finish", wait)
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        pipeline = beam.Pipeline()
        _ = pipeline | beam.Create([1])
        run(pipeline)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1]
