"""Cross-validation: sources are dealt whole and evenly, and what is held out is never heard."""

import collections
import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

import soundbeam.model.training.plan
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.evaluation.figures import ClassificationFigures
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.cross_validation import HELD_OUT, Fold, Folds, deal_sources, summarize
from soundbeam.model.training.examples import parse, read_manifest
from soundbeam.model.training.plan import Training
from tests.training_examples import TINY, sound, write_examples

clip_counts = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 30).map(str)), st.integers(1, 60), min_size=2, max_size=60
)


@pytest.fixture(scope="module", autouse=True)
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: TINY)
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)
        yield


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"), ("low", "high", "rest"), seconds=0.55)


@given(clip_counts, st.integers(2, 8), st.integers(0, 3))
def test_every_source_is_dealt_and_no_fold_is_empty(clips, folds, seed):
    sources = {source for _, source in clips}
    assume(len(sources) >= folds)
    dealt = deal_sources(clips, folds, seed)
    assert set(dealt) == sources and set(dealt.values()) == set(range(folds))
    if len(sources) == folds:
        assert [dealt[source] for source in sorted(sources)] == list(range(folds))
    shuffled = dict(reversed(clips.items()))
    assert deal_sources(shuffled, folds, seed) == dealt


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), st.integers(1, 9), min_size=1), st.data())
def test_a_label_is_spread_within_its_largest_source(clips, data):
    """Where a source has one label, dealing the largest first to the emptiest keeps folds within the largest source."""
    one_label = {(label, f"{label}{i}"): n for (label, i), n in clips.items()}
    folds = data.draw(st.integers(1, len(one_label)))
    dealt = deal_sources(one_label, folds)
    for label in "ab":
        sizes = collections.Counter({k: 0 for k in range(folds)})
        largest = 0
        for (of, source), n in one_label.items():
            if of == label:
                sizes[dealt[source]] += n
                largest = max(largest, n)
        assert max(sizes.values()) - min(sizes.values()) <= largest


def test_another_seed_deals_equal_sources_otherwise():
    clips = {("x", f"s{i}"): 1 for i in range(40)}
    dealings = [deal_sources(clips, 5, seed) for seed in range(3)]
    assert all(a != b for a, b in itertools.combinations(dealings, 2))
    assert all(set(collections.Counter(d.values()).values()) == {8} for d in dealings)


def folds_of(examples, count, **changes):
    return Folds(Training(examples, "", "tiny", **changes), count)


def test_what_is_held_out_is_in_no_other_split(examples):
    dealt = folds_of(examples, 2, targets=("low",))
    held = []
    for k in range(2):
        data = Examples(examples, read_manifest(examples), dealt._task(k), "", dealt.splits(k))
        sources = {
            split: {clip.source for clip in data.each_clip(split)} for split in ("train", "validation", HELD_OUT)
        }
        assert not sources[HELD_OUT] & (sources["train"] | sources["validation"])
        assert not sources["train"] & sources["validation"]
        assert set().union(*sources.values()) == set(dealt.fold_of)
        fitted = [tuple(w.numpy()) for targets in (True, False) for w, _ in data.stream("train", targets=targets)]
        assert len(fitted) == sum(n["train"] for n in dealt._task(k).counts.values())
        assert set(fitted) == {tuple(clip.waveform) for clip in data.clips("train")}
        held += sources[HELD_OUT]
    assert sorted(held) == sorted(dealt.fold_of)


def test_a_detector_is_measured_on_each_fold(examples):
    steps: list[int] = []
    dealt = folds_of(examples, 2, targets=("high", "low"), epochs=2)
    folds = [dealt.measure(k, lambda line: None, lambda by, note: steps.append(by)) for k in range(2)]
    assert len(steps) == 2 * 2 * TINY.recipe.steps
    assert sum(sum(fold.clips.values()) for fold in folds) == 27
    for fold in folds:
        assert set(fold.labels) == {"high", "low"} and fold.figures.roc_auc > 0.8
        assert fold.figures.roc_auc == pytest.approx(np.mean([label.roc_auc for label in fold.labels.values()]))
        assert None not in (fold.figures.exact_share, fold.figures.mean_absolute_error)


def test_a_classifier_is_measured_on_each_held_out_clip_once(examples):
    dealt = folds_of(examples, 3, epochs=2)
    fold = dealt.measure(1, lambda line: None, lambda by, note: None)
    figures = fold.figures
    assert figures.accuracy > 0.8 and figures.macro_f1 > 0.8 and 0 < figures.log_loss < 0.7


def test_what_is_held_out_decides_nothing(tmp_path):
    """The held-out clips become something else: the network and what was chosen stay the same."""
    chosen = []
    for replaced in (False, True):
        folder = write_examples(tmp_path / str(replaced), ("low", "rest"))
        dealt = folds_of(folder, 3, targets=("low",), epochs=1)
        if replaced:
            held = {s for s, split in dealt.splits(0).items() if split == HELD_OUT}
            replace(tmp_path / "True", held)
        seen = []

        def keep(scorer, tuned, *_, seen=seen):
            seen.append((scorer, tuned))
            return None, {}

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("soundbeam.model.training.cross_validation._measure_detector", keep)
            dealt.measure(0, lambda line: None, lambda by, note: None)
        scorer, tuned = seen[0]
        windows = np.stack([sound(label, 0.5) for label in ("low", "rest")])
        chosen.append((scorer.score_windows(windows).tolist(), tuned.thresholds, tuned.rules))
    assert chosen[0] == chosen[1]


def replace(folder, sources):
    for path in sorted(folder.glob("*.tfrecord")):
        records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                parsed = parse(tf.constant(record))
                if parsed["source"].numpy().decode() in sources:
                    example = tf.train.Example.FromString(record)
                    noise = np.random.default_rng(0).standard_normal(3000).astype("<f4").tobytes()
                    example.features.feature["waveform"].bytes_list.value[0] = noise
                    record = example.SerializeToString(deterministic=True)
                writer.write(record)


def test_too_few_sources_are_told_in_one_line(examples, tmp_path):
    with pytest.raises(SoundbeamError, match="high come from 9 source recordings, which cannot be dealt into 10 folds"):
        folds_of(examples, 10)
    one = write_examples(tmp_path / "one", ("low", "rest"), train=1, validation=0)
    with pytest.raises(SoundbeamError, match=r"low come from 1 source recording, .*; add clips of other recordings$"):
        folds_of(one, 2, targets=("low",))


def test_the_spread_is_that_of_the_folds_that_have_a_figure():
    first, second = ClassificationFigures(0.5, None, None), ClassificationFigures(0.7, 0.9, None)
    fold = Fold(("a",), {"x": 1}, first, {}, 1.0)
    summary = summarize([fold, dataclasses.replace(fold, figures=second), dataclasses.replace(fold, figures=None)])
    assert summary.mean == {"accuracy": pytest.approx(0.6), "macro_f1": 0.9, "log_loss": None}
    deviation = pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert summary.standard_deviation == {"accuracy": deviation, "macro_f1": None, "log_loss": None}
    figures = [fold["figures"] for fold in summary.plain()["folds"]]
    assert figures[1:] == [{"accuracy": 0.7, "macro_f1": 0.9, "log_loss": None}, {}]
