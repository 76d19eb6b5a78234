"""Trains a classifier on examples and saves its bundle."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.classifier.bundle_files import check_destination
from soundbeam.model.report.page import write_report
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.examples import VALIDATION
from soundbeam.model.training.learners import learner_of
from soundbeam.model.training.plan import Training
from soundbeam.model.training.whole_clips import classify_clips


def train(
    training: Training,
    say: Callable[[str], None],
    step: Callable[[int, str], None],
    report: Mapping[str, Any] | None = None,
) -> ClassifierBundle:
    """Trains, chooses thresholds and rules for calls on the validation split, and saves the bundle.

    The same seed gives the same weights on one machine.

    Args:
        training: What to train.
        say: Gets lines about what differs from what was asked for.
        step: Gets (batches done, figures) now and then.
        report: Further plain values for the bundle's report.

    Raises:
        SoundbeamError: There is nothing to train on, or the bundle cannot be written there.
    """
    begun = time.monotonic()
    learner = learner_of(training)
    task, manifest = learner.task, learner.manifest
    fs, root = check_destination(training.classifier)
    with tempfile.TemporaryDirectory() as cache:
        examples = Examples(training.examples, manifest, task, cache)
        is_local = isinstance(fs, LocalFileSystem)
        logs = os.path.join(root if is_local else cache, "logs", time.strftime("%Y%m%d-%H%M%S"))
        learned = learner.learn(examples, logs, say, step)
        tuned, of_clips = learned.tuned, None
        if len(task.labels) > 1:
            scorer = learned.scorer(tuned.calibration)
            of_clips = classify_clips(scorer, examples.each_clip(VALIDATION), learner.windows, task, tuned.thresholds)
    report = {
        **(report or {}),
        "data": {
            "examples": training.examples,
            "labels": task.counts,
            "manifest": {k: manifest.get(k) for k in ("clips", "examples", "duration_s", "validation_share", "sha256")},
        },
        "architecture": learner.describe(),
        "parameters": learned.parameters,
        "epochs": learner.epochs,
        "seed": training.seed,
        "history": learned.history,
        "validation": {**tuned.figures, **({"clips": of_clips.plain()} if of_clips else {})},
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "wall_s": round(time.monotonic() - begun, 1),
    }
    values = {
        "task": task.kind,
        "labels": task.labels,
        "thresholds": tuned.thresholds,
        "call_rules": tuned.rules,
        "report": report,
        "calibration": tuned.calibration,
        "counting": tuned.counting,
    }
    bundle = learned.save(training.classifier, values)
    if tuned.evidence:
        write_report(bundle.url, bundle, tuned.evidence)
    return bundle
