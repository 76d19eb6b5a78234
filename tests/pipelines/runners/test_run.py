"""What a run changes in its process is afterwards what it was."""

import logging
import signal
import sys
import threading

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.runners.options import LOCAL_RUNNER
from soundbeam.pipelines.runners.quiet import quiet
from soundbeam.pipelines.runners.run import run

LOGGERS = (None, "apache_beam", "soundbeam.progress")


def state():
    loggers = [logging.getLogger(name) for name in LOGGERS]
    return (
        [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers],
        threading.excepthook,
        sys.excepthook,
        signal.getsignal(signal.SIGINT),
    )


def pipeline(function=str):
    p = beam.Pipeline(options=PipelineOptions([f"--runner={LOCAL_RUNNER}"]))
    _ = p | beam.Create([1]) | beam.Map(function)
    return p


def fail(_):
    raise SoundbeamError("no such thing")


def test_a_run_restores_the_process_however_it_ends():
    before = state()
    run(pipeline())
    assert state() == before
    with pytest.raises(SoundbeamError, match="no such thing"):
        run(pipeline(fail))
    assert state() == before


def test_a_run_in_a_thread_does_too():
    before, ended = state(), []
    thread = threading.Thread(target=lambda: ended.append(run(pipeline())))
    thread.start()
    thread.join()
    assert len(ended) == 1 and state() == before


class Interrupted(beam.Pipeline):
    """A pipeline whose runner sets a handler of its own, and that is then interrupted."""

    def run(self, test_runner_api="AUTO"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt


def test_an_interrupt_and_a_runners_handler_of_it_leave_nothing():
    before = state()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(Interrupted(options=PipelineOptions([f"--runner={LOCAL_RUNNER}"])))
        assert state() == before
    finally:
        signal.signal(signal.SIGINT, before[-1])


def test_runs_that_overlap_leave_nothing_in_any_order():
    before = state()
    first, second = quiet(False), quiet(True)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert logging.getLogger("apache_beam").level == logging.getLogger().level == logging.CRITICAL
    second.__exit__(None, None, None)
    assert state() == before


def test_beams_threads_end_in_silence_and_others_do_not(monkeypatch):
    shown = []
    monkeypatch.setattr(threading, "excepthook", lambda ended: shown.append(ended.thread.name))
    with quiet(False):
        for name in ("run_worker", "another"):
            thread = threading.Thread(name=name, target=fail, args=(0,))
            thread.start()
            thread.join()
    assert shown == ["another"]


def test_a_hook_that_somebody_sets_during_a_run_stays(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def theirs(ended):
        pass

    with quiet(False):
        threading.excepthook = theirs
    assert threading.excepthook is theirs
