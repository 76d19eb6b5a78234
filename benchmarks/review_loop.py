"""Measures what reviews are worth: two rounds of 50 verdicts, each followed by a training with what they confirmed.

    python benchmarks/review_loop.py synthesized [--folder DIR]
    python benchmarks/review_loop.py roosters --esc10 DIR --forest DIR [--folder DIR]

A detector is trained on a few clips. It scans a corpus for review, in which it errs; of that, windows are drawn
('soundbeam review sample'), an oracle judges them by the annotations, and 'soundbeam materialize --reviews' and
'soundbeam train' make the next detector. Each detector also scans a corpus of other sources, in which nobody ever
looks: its figures are printed. All is done by the programs, with their defaults.

synthesized: a bird that calls, from 12 clips. In both corpora another bird, of which there is no clip to train on,
    calls at the same pitch, but without the rise and fall.
roosters: from the roosters of ESC-10's first fold and its other classes; the second fold is laid over forest recordings
    for review, the third over other ones for the figures. Those clips are of 5 s, with a crow or several in silence:
    each crow is laid by itself, so that the annotations are of crows.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

VERDICTS = 50
MINUTES = 2.0


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A folder that 'soundbeam synthesize --clips' wrote."""

    folder: Path

    @property
    def recordings(self) -> str:
        """Where its recordings lie."""
        return str(self.folder / "recordings")

    @property
    def annotations(self) -> str:
        """Where its calls are listed."""
        return str(self.folder / "annotations.csv")


def run(name: str, *argv: Any) -> None:
    """Runs a program of soundbeam in this process.

    Raises:
        SystemExit: It failed.
    """
    from soundbeam.pipelines.cli import run_program

    if code := run_program(name, [str(a) for a in argv]):
        raise SystemExit(f"soundbeam {name}: exit code {code}")


def write_clips(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    """A table of clips for 'soundbeam materialize': path, label, source and, of a part, its start and end."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "source", "start_s", "end_s"), *rows])
    return path


def parts_with_sound(path: Path) -> list[tuple[float, float]]:
    """Where a clip is at most 40 dB below its loudest 20 ms; parts less than 0.3 s apart are one."""
    import numpy as np
    import soundfile

    samples, rate = soundfile.read(path, always_2d=True)
    frame = rate // 50
    power = (samples[: len(samples) // frame * frame].mean(axis=1) ** 2).reshape(-1, frame).mean(axis=1)
    parts: list[tuple[float, float]] = []
    for at in np.flatnonzero(power > 1e-4 * power.max()) / 50:
        if parts and at - parts[-1][1] < 0.3:
            parts[-1] = (parts[-1][0], at + 0.02)
        else:
            parts.append((at, at + 0.02))
    return [(round(start, 2), round(end, 2)) for start, end in parts if end - start >= 0.15]


def synthesized(folder: Path, rate: int = 16000) -> tuple[str, Path, Corpus, Corpus]:
    """The target, the clips to train on, the corpus for review and the one for the figures."""
    import numpy as np
    import soundfile

    from soundbeam.model.synthesis.scenes import Scene, background_clip, call_clip, chirp_clip, soundscape
    from soundbeam.model.synthesis.sounds import Caller, Chirper

    rng = np.random.default_rng(21)

    def mimic() -> Caller:
        return dataclasses.replace(Caller.draw(rng), rise=0.0, fall=0.0, quaver=0.0)

    def write(name: str, sound: Any) -> str:
        path = folder / "sounds" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, rate)
        return str(path)

    def clips(split: str, callers: int, each: int, others: int, mimics: int) -> Path:
        rows = []
        for i in range(callers):
            caller = Caller.draw(rng)
            rows += [(write(f"{split}-call{i}-{k}", call_clip(rng, caller, rate)), "call", f"{split}-call{i}")
                     for k in range(each)]  # fmt: skip
        for i in range(others):
            chirper, kind = Chirper.draw(rng), ("wind", "rain", "insects")[i % 3]
            sounds = {"chirp": chirp_clip(rng, chirper, rate), kind: background_clip(rng, kind, i, rate)}
            rows += [(write(f"{split}-{n}{i}", s), "other", f"{split}-{n}{i}") for n, s in sounds.items()]
        for i in range(mimics):
            bird = mimic()
            rows += [(write(f"{split}-mimic{i}-{k}", bird.call(rng, rate) * 0.1), "mimic", f"{split}-mimic{i}")
                     for k in range(3)]  # fmt: skip
        return write_clips(folder / f"{split}.csv", rows)

    def backgrounds(split: str, number: int) -> str:
        for i in range(number):
            scene = Scene.draw(rng, 0)
            blocks = [block for block, _ in soundscape(rng, scene, rate, MINUTES * 60)]
            write(f"{split}-background{i}", np.concatenate(blocks))
        return str(folder / "sounds" / f"{split}-background*.flac")

    train = clips("train", 6, 2, 10, 0)
    review = mix(clips("review", 6, 3, 0, 5), backgrounds("review", 8), "call", folder / "review", 24, 1)
    test = mix(clips("test", 6, 3, 0, 5), backgrounds("test", 8), "call", folder / "test", 24, 2)
    return "call", train, review, test


def roosters(folder: Path, esc10: Path, forest: Path) -> tuple[str, Path, Corpus, Corpus]:
    """The same of real sounds."""
    with open(esc10 / "meta.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def clips(name: str, fold: str, crows: bool = False) -> Path:
        of_fold: list[tuple[Any, ...]] = []
        for row in rows:
            if row["fold"] == fold:
                path = esc10 / row["path"]
                parts = parts_with_sound(path) if crows and row["label"] == "rooster" else [("", "")]
                of_fold += [(path, row["label"], row["source"], *part) for part in parts]
        return write_clips(folder / name, of_fold)

    recordings = sorted(str(path) for path in forest.glob("*.mp3"))
    lists = []
    for name, of in (("review", recordings[::2]), ("test", recordings[1::2])):
        path = folder / f"{name}-backgrounds.txt"
        path.write_text("\n".join(of) + "\n", encoding="utf-8")
        lists.append(f"@{path}")
    review = mix(clips("review.csv", "2", crows=True), lists[0], "rooster", folder / "review", 30, 1)
    test = mix(clips("test.csv", "3", crows=True), lists[1], "rooster", folder / "test", 30, 2)
    return "rooster", clips("train.csv", "1"), review, test


def mix(clips: Path, backgrounds: str, target: str, folder: Path, recordings: int, seed: int) -> Corpus:
    """Lays clips over backgrounds, once."""
    if not (folder / "annotations.csv").exists():
        run("synthesize", "--clips", clips, "--backgrounds", backgrounds, "--target", target, "--output", folder,
            "--recordings", recordings, "--minutes", MINUTES, "--seed", seed)  # fmt: skip
    return Corpus(folder)


def judge(results: Path, corpus: Corpus, target: str, design: str, seed: int) -> dict[str, int]:
    """Draws windows and judges them as the annotations have it; how often each verdict was given."""
    import numpy as np

    from soundbeam.model.evaluation.detection import NEGATIVE, POSITIVE, window_truth
    from soundbeam.pipelines.review.store import ReviewStore

    word = ("next",) if design == "next" else ("sample", "--design", design)
    run("review", *word, "--output", results, "--label", target, "-n", VERDICTS, "--seed", seed)
    calls: dict[str, list[tuple[float, float]]] = {}
    with open(corpus.annotations, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            calls.setdefault(Path(row["recording"]).name, []).append((float(row["start_s"]), float(row["end_s"])))
    store, given, verdicts = ReviewStore(str(results)), {"yes": 0, "no": 0, "unsure": 0}, []
    for window in store.samples()[-1].rows.to_pylist():
        of_recording = np.array(calls.get(Path(window["recording"]).name, [])).reshape(-1, 2)
        truth = window_truth(np.array([window["start_s"]]), np.array([window["end_s"]]), of_recording)[0]
        verdict = {POSITIVE: "yes", NEGATIVE: "no"}.get(int(truth), "unsure")
        given[verdict] += 1
        verdicts.append({"review_id": window["review_id"], "verdict": verdict, "reviewer": "oracle"})
    store.append(verdicts)
    return given


def figures(bundle: Path, corpus: Corpus, results: Path, target: str) -> dict[str, Any]:
    """How well a detector does on the corpus in which nobody looked."""
    import soundbeam

    run("scan", "--recordings", corpus.recordings, "--classifier", bundle, "--output", results)
    of = soundbeam.evaluate(corpus.annotations, results).labels[target]
    return {
        "ap": of["windows"]["average_precision"], "exact": of["counts"]["exact"],
        "recordings": of["counts"]["counts"], "mae": of["counts"]["mean_absolute_error"],
        "precision": of["events"]["precision"], "recall": of["events"]["recall"],
    }  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Makes the corpora, goes round, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=("synthesized", "roosters"))
    parser.add_argument("--esc10", type=Path, help="ESC-10's folder, with meta.csv: path,label,fold,source")
    parser.add_argument("--forest", type=Path, help="recordings without the target, MP3")
    parser.add_argument("--folder", type=Path, help="where all is kept (default: a temporary one)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--design", default="scores", choices=("scores", "next"))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if options.corpus == "roosters" and not (options.esc10 and options.forest):
        parser.error("roosters needs --esc10 and --forest")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.corpus == "roosters":
            target, clips, review, test = roosters(folder, options.esc10, options.forest)
        else:
            target, clips, review, test = synthesized(folder)
        go_round(folder, target, clips, review, test, options)


def go_round(folder: Path, target: str, clips: Path, review: Corpus, test: Corpus, options: argparse.Namespace) -> None:
    """Trains, scans, reviews; and again."""
    reviewed: list[str] = []
    print("| verdicts | AP | exact | MAE | precision, recall of calls | given |")
    print("|---|---|---|---|---|---|")
    for k in range(options.rounds + 1):
        examples, bundle = folder / f"examples{k}", folder / f"bundle{k}"
        with_reviews = ["--reviews", *reviewed] if reviewed else []
        if not (bundle / "classifier.json").exists():  # a run that was cut short goes on
            run("materialize", "--clips", clips, "--examples", examples, *with_reviews)
            run("train", "--examples", examples, "--target", target, "--classifier", bundle, "--epochs", options.epochs,
                "--seed", options.seed)  # fmt: skip
        of = figures(bundle, test, folder / f"test-results{k}", target)
        given = {}
        if k < options.rounds:
            results = folder / f"review-results{k}"
            run("scan", "--recordings", review.recordings, "--classifier", bundle, "--output", results)
            given = judge(results, review, target, options.design, options.seed + k)
            reviewed.append(str(results))
        print(
            f"| {VERDICTS * k} | {of['ap']:.3f} | {of['exact']} of {of['recordings']} | {of['mae']:.2f} | "
            f"{of['precision'] or 0:.3f}, {of['recall'] or 0:.3f} | {json.dumps(given)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
