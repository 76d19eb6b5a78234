"""The two ways to train: a network on spectrograms, and a head on the embeddings of another bundle, its base."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from soundbeam.model.architectures.architecture import BASE
from soundbeam.model.architectures.assemble import NETWORK
from soundbeam.model.architectures.training_outputs import scores_only
from soundbeam.model.architectures.transfer import head_of
from soundbeam.model.classifier.bundle import BundleDescription, ClassifierBundle, save_bundle
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.head import HeadScorer
from soundbeam.model.classifier.head_bundle import base_name, save_head
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.frontend import FrontEnd
from soundbeam.model.pictures.spectrogram import mel_spectrogram_db
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.embedded_clips import EmbeddedClips, crops_of
from soundbeam.model.training.examples import TRAIN, VALIDATION
from soundbeam.model.training.fit_head import Negatives, Problem
from soundbeam.model.training.fit_network import fit
from soundbeam.model.training.kept_embeddings import KeptEmbeddings
from soundbeam.model.training.mine_negatives import fit_with_backgrounds
from soundbeam.model.training.plan import Training, TrainingTask, prepare, prepare_head, steps_of
from soundbeam.model.training.tuning import HeldOutWindows, Tuned, tune_classifier, tune_detector
from soundbeam.model.windows import WindowSpec

_BATCHES = 32  # validation batches that a network that tells labels apart is calibrated on
_CROPS = 1000  # the same of a head, in crops
_OF_SOUNDSCAPES = 0.5  # a base may take a hundred times as long for a window as a network of ours
_COLUMNS, _BANDS = 260, 90

Say = Callable[[str], None]
Step = Callable[[int, str], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """What was learned, and not yet saved.

    Attributes:
        scorer: Its scorer, with a calibration or none.
        tuned: Its thresholds, rules and calibration.
        history: The metrics of each epoch.
        parameters: How many weights there are.
        save: (URL, the description's values that training decides) → the bundle.
    """

    scorer: Callable[[Calibration | None], Scorer]
    tuned: Tuned
    history: list[dict[str, float]]
    parameters: int
    save: Callable[[str, dict[str, Any]], ClassifierBundle]


class Learner(abc.ABC):
    """How a training is carried out.

    Args:
        training: What to train.

    Attributes:
        name: What it is called in what is printed.
        windows: Of a recording.
        manifest: Of the examples.
        task: What is to be told apart.
        epochs: Passes through the examples.
        batch: Examples that are learned from at once.
        front_end: Its kinds, joined by ``+``; "": what is imported has its own.

    Raises:
        SoundbeamError: What is to be trained does not fit the examples.
    """

    name: str
    windows: WindowSpec
    manifest: dict[str, Any]
    task: TrainingTask
    epochs: int
    batch: int
    front_end: str

    def __init__(self, training: Training):
        self.training = training

    @abc.abstractmethod
    def steps(self, task: TrainingTask) -> int:
        """Batches of an epoch."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle's report."""

    @abc.abstractmethod
    def learn(self, examples: Examples, logs: str, say: Say, step: Step) -> Learned:
        """Fits on the training split and chooses thresholds and rules on the validation split; saves nothing.

        Args:
            examples: With the task, which may be that of a fold.
            logs: A folder for TensorBoard.
            say: Gets lines about what differs from what was asked for.
            step: Gets (batches done, figures) now and then.
        """


def learner_of(training: Training) -> Learner:
    """The one that a training asks for."""
    return HeadLearner(training) if training.base else NetworkLearner(training)


class NetworkLearner(Learner):
    """Trains an architecture's network."""

    def __init__(self, training: Training):
        super().__init__(training)
        self.architecture, self.manifest, self.task = prepare(training)
        self.name, self.windows = self.architecture.name, self.architecture.windows
        self.epochs = training.epochs or self.architecture.recipe.epochs
        self.batch, self.front_end = self.architecture.recipe.batch, "+".join(self.architecture.front_end.kinds)

    def steps(self, task: TrainingTask) -> int:
        """Batches of an epoch."""
        return steps_of(self.architecture, task)

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle's report."""
        return self.architecture.describe()

    def learn(self, examples: Examples, logs: str, say: Say, step: Step) -> Learned:
        """See ``Learner.learn``."""
        task, training, architecture, seed = examples.task, self.training, self.architecture, self.training.seed
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        network = architecture.network(len(task.labels), task.kind)
        front_end, trained, data = FrontEnd(architecture.front_end), network, examples
        if training.embeddings:
            trained = head_of(network, training.embeddings)
            data = examples.embedded(training.embeddings, int(trained.input_shape[-1]))
        history = fit(trained, front_end, data, architecture, self.epochs, seed, logs, step)
        if training.fine_tune:
            network.get_layer(BASE).trainable = True
            gently = dataclasses.replace(architecture.recipe, learning_rate=architecture.recipe.learning_rate / 20)
            whole = dataclasses.replace(architecture, recipe=gently)
            history += fit(network, front_end, examples, whole, training.fine_tune, seed, logs, step)
        model = architecture.build(len(task.labels), task.kind)  # without the optimizer
        model.get_layer(NETWORK).set_weights(scores_only(network).get_weights())
        scorer = TensorFlowScorer(model, architecture.score_batch)

        def held_out() -> HeldOutWindows:
            held = batches(examples, architecture, scorer.front_end, seed, split=VALIDATION).take(_BATCHES)
            x, y, _ = (np.concatenate(part) for part in zip(*held.as_numpy_iterator(), strict=True))
            return HeldOutWindows(scorer.score_spectrograms(x), y.argmax(axis=1), x)

        def save(url: str, values: dict[str, Any]) -> ClassifierBundle:
            bundle = save_bundle(url, model, BundleDescription.of_architecture(architecture, **values))
            if bundle.unconverted:
                say(f"{architecture.name} scores by TensorFlow, which starts slowly: {bundle.unconverted}")
            return bundle

        if task.kind == DETECTOR:
            tuned = tune_detector(scorer, examples, self.windows, seed, say)
        else:
            tuned = tune_classifier(held_out, task, say)
        return Learned(
            lambda calibration: TensorFlowScorer(model, architecture.score_batch, calibration),
            tuned,
            history,
            int(model.count_params()),
            save,
        )


class HeadLearner(Learner):
    """Trains a head."""

    def __init__(self, training: Training):
        super().__init__(training)
        self.base, self.windows, self.manifest, self.task = prepare_head(training)
        hidden = f" of {training.hidden}" if training.hidden else ""
        self.name, self.epochs, self.front_end = f"head{hidden} over {base_name(self.base)}", 1, ""
        self.batch = sum(n[TRAIN] for n in self.task.counts.values())

    def steps(self, task: TrainingTask) -> int:
        """One: a head is fitted as a whole."""
        return 1

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle's report."""
        base, training = self.base, self.training
        return {
            "name": "head",
            "source": base_name(base),
            "base": {"fingerprint": base.fingerprint, "architecture": base.architecture, "labels": len(base.labels)},
            "hidden": training.hidden,
            "backgrounds": list(training.backgrounds),
        }

    def learn(self, examples: Examples, logs: str, say: Say, step: Step) -> Learned:
        """See ``Learner.learn``."""
        task, training, seed = examples.task, self.training, self.training.seed
        base = KeptEmbeddings(self.base.scorer(embeddings=True), training.embeddings)
        vectors = examples.embedded(training.embeddings, base.embedding_size)
        train, validation = (_clips(vectors, split, base.embedding_size) for split in (TRAIN, VALIDATION))
        problem = Problem(task.labels, task.kind, training.hidden, seed)
        backgrounds = training.background_embeddings
        noise = None
        if task.kind == DETECTOR:  # a base may put what it never heard anywhere; without other clips it is all there is
            vectors_of_noise = base.embed_windows(_noise(self.windows.window_samples))[1]
            noise = Negatives(vectors_of_noise, np.ones((len(vectors_of_noise), len(task.labels)), np.float32))
        window_s = self.windows.window_s
        head, penalty = fit_with_backgrounds(problem, train, validation, noise, backgrounds, window_s, say)
        step(1, f"penalty {penalty:g}")

        def held_out() -> HeldOutWindows:
            clips = [clip for clip in examples.clips(VALIDATION) if clip.label in task.labels]
            crops = [(crop, task.labels.index(c.label)) for c in clips for crop in crops_of(c.waveform, self.windows)]
            crops = crops[:: max(1, -(-len(crops) // _CROPS))]
            windows = np.stack([crop for crop, _ in crops])
            pictures = [mel_spectrogram_db(crop, self.windows.rate, _COLUMNS, _BANDS).T for crop, _ in crops]
            scores = HeadScorer(base, head).score_windows(windows)
            return HeldOutWindows(scores, np.array([row for _, row in crops]), np.stack(pictures))

        if task.kind == DETECTOR:
            say("choosing thresholds on half as many soundscapes as for a network: the base takes longer for a window")
            tuned = tune_detector(HeadScorer(base, head), examples, self.windows, seed, say, _OF_SOUNDSCAPES)
        else:
            tuned = tune_classifier(held_out, task, say)
        return Learned(
            lambda calibration: HeadScorer(base, head, calibration),
            tuned,
            [{"penalty": penalty}],
            head.parameters,
            lambda url, values: save_head(url, self.base, head, {"hop_s": self.windows.hop_s, **values}),
        )


def _noise(samples: int) -> np.ndarray:
    """float32 ``[4, samples]``: silence, and white noise from faint to loud."""
    noise = np.random.default_rng(0).standard_normal((4, samples))
    return (noise * np.array([[0.0], [1e-4], [0.01], [0.1]])).astype(np.float32)


def _clips(vectors: Examples, split: str, size: int) -> EmbeddedClips:
    return EmbeddedClips.of([(c.label, c.waveform.reshape(-1, size)) for c in vectors.each_clip(split)], size)
