"""Turns labelled clips into training examples; or into a table of features, or pictures.

soundbeam materialize --clips clips/ --examples examples/
soundbeam materialize --clips clips/ --examples examples/ --condition trim=40,pre-emphasis,loudness=-23,denoise
soundbeam materialize --clips clips/ --features table --output features/
soundbeam materialize --clips clips/ --features images --image-size 299x299 --colours inferno --output images/
soundbeam materialize --clips clips.csv --examples s3://bucket/examples --runner=FlinkRunner
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import Any

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.pipelines.clips import first_of, label_folders, labelled_clips, locate
from soundbeam.pipelines.console.arguments import Parser, positive, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.materialize import conditioning, features

# The manifest until the pipeline has ended well.
DRAFT = "manifest.json.draft"


@dataclasses.dataclass(frozen=True)
class Materializing:
    """What to materialize, and how.

    Attributes:
        clips: URL of a folder with a folder a label, or of a CSV.
        examples: URL of the folder for the examples, or the features.
        rate: Hz of the examples.
        window: Seconds of the longest example.
        validation: Share of each label kept for validation.
        condition: What is done to the sound, as ``--condition`` takes it.
        noise: URL of a clip of noise alone, for ``denoise``.
        features: ``table`` or ``images`` instead of examples.
        image_size: Pixels, width and height.
        colours: Of images.
        chunk: Seconds of the longest stretch in one image.
    """

    clips: str
    examples: str
    rate: int = 16000
    window: float = 5.0
    validation: float = 0.2
    condition: str = ""
    noise: str | None = None
    features: str | None = None
    image_size: tuple[int, int] = (299, 299)
    colours: str = "viridis"
    chunk: float = 20.0

    def check(self) -> None:
        """Raises OptionError where a share or a length cannot be."""
        if not 0 <= self.validation < 1:
            raise OptionError(f"--validation {self.validation:g} must be at least 0 and below 1")
        if self.window < 0.05:
            raise OptionError(f"--window {self.window:g} is shorter than 0.05 s, the shortest clip")


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "materialize",
        "Decodes labelled clips into TFRecord shards, split into train and validation by source recording.\n"
        "Any Beam option may follow.",
        "soundbeam materialize --clips clips/ --examples examples/",
    )
    p.add_argument(
        "--clips",
        required=True,
        help="a folder with one folder a label, or a CSV "
        "path,label[,start_s,end_s][,source]; a local path or any fsspec URL",
    )
    p.add_argument(
        "--examples",
        "--output",
        dest="examples",
        required=True,
        metavar="DIR",
        help="where the shards and manifest.json go, or the features",
    )
    p.add_argument("--rate", type=positive_int, default=16000, help="Hz of the examples (default: %(default)s)")
    p.add_argument(
        "--window",
        type=positive,
        default=5.0,
        metavar="SECONDS",
        help="longest example; longer clips are cut into several (default: %(default)s)",
    )
    p.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of each label kept for validation, by whole sources (default: %(default)s)",
    )
    conditioning.add_options(p)
    features.add_options(p)
    return p


@program("materialize")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options, rest = parser().parse_known_args(argv)
    wanted = Materializing(**vars(options))
    wanted.check()
    from soundbeam.pipelines.runners.run import beam_options

    beam_opts = beam_options(rest, parser())
    start = time.perf_counter()
    made = make(wanted, beam_opts)
    (features.report if wanted.features else report)(made, wanted.examples, time.perf_counter() - start)
    return 0


def make(wanted: Materializing, beam_opts) -> dict[str, Any]:
    """Makes examples, or features; returns the manifest, or the features' summary."""
    asked = conditioning.asked_for(wanted)
    return (features.make_features if wanted.features else materialize)(wanted, asked, beam_opts)


def materialize(options: Materializing, asked: conditioning.Conditioning, beam_opts) -> dict[str, Any]:
    """Builds and runs the pipeline; returns the manifest that it wrote."""
    import apache_beam as beam

    from soundbeam.model.training.examples import FORMAT
    from soundbeam.pipelines.runners.run import cores_a_worker, run
    from soundbeam.transforms.examples.write_examples import WriteExamples

    examples, folder = locate(options.examples)
    fs, folder_url = examples.fs, examples.uri(folder)
    clips, clips_path = locate(options.clips)
    root = clips.uri(clips_path)
    labels = label_folders(clips.fs, clips_path, options.clips)
    stale = forget_manifest(fs, folder)
    pipeline = beam.Pipeline(options=beam_opts)
    found = labelled_clips(pipeline, root, labels)
    shards = found["clips"] | "WriteExamples" >> WriteExamples(
        folder_url, options.rate, options.window, options.validation, asked.stretches, cores_a_worker(beam_opts)
    )
    settings = {
        "format": FORMAT,
        "rate": options.rate,
        "window_s": options.window,
        "validation_share": options.validation,
        "clips_from": root,
        **asked.recorded(),
    }
    _ = (
        pipeline
        | "Settings" >> beam.Create([settings])
        | "WriteDraft"
        >> beam.Map(
            write_draft,
            folder_url,
            labels or [],
            beam.pvalue.AsList(shards),
            beam.pvalue.AsList(found["rejects"]),
        )
    )
    run(pipeline)
    manifest = publish(fs, folder, options.clips)
    for name in stale - {s["name"] for s in manifest["shards"]}:
        fs.rm(f"{folder}/{name}")
    return manifest


def write_draft(settings: dict[str, Any], folder: str, labels: list[str], shards, rejects) -> None:
    """Writes the manifest under its provisional name: the last step of the pipeline."""
    from soundbeam.model.storage.files import open_to_write
    from soundbeam.transforms.examples.write_examples import summarize

    manifest = {**settings, **summarize(shards, rejects)}
    manifest["labels_without_clips"] = sorted(set(labels) - set(manifest["labels"]))
    with open_to_write(f"{folder}/{DRAFT}", "w") as file:
        json.dump(manifest, file, indent=1, ensure_ascii=False)


def publish(fs, folder: str, clips: str) -> dict[str, Any]:
    """Gives the manifest its real name, which makes the folder's examples count; returns it.

    Raises:
        SoundbeamError: There is not one example in it.
    """
    from soundbeam.model.storage.files import write_at_once
    from soundbeam.model.training.examples import MANIFEST

    with fs.open(f"{folder}/{DRAFT}", "r", encoding="utf-8") as file:
        manifest = json.load(file)
    if not manifest["examples"]:
        fs.rm(f"{folder}/{DRAFT}")
        raise SoundbeamError(f"{clips}: no clip that can be used{first_of(manifest['rejects'])}")
    write_at_once(fs, f"{folder}/{MANIFEST}", json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    fs.rm(f"{folder}/{DRAFT}")
    return manifest


def forget_manifest(fs, folder: str) -> set[str]:
    """Removes an earlier run's manifest, so that no reader mixes old and new shards; returns its shards."""
    from soundbeam.model.training.examples import MANIFEST, read_manifest

    if not fs.exists(f"{folder}/{MANIFEST}"):
        return set()
    try:
        shards = {s["name"] for s in read_manifest(fs.unstrip_protocol(folder))["shards"]}
    except SoundbeamError:
        shards = set()
    fs.rm(f"{folder}/{MANIFEST}")
    return shards


def report(manifest: dict[str, Any], folder: str, wall_s: float) -> None:
    """Prints what a person wants to know."""
    for label, splits in manifest["labels"].items():
        train, held = splits["train"], splits["validation"]
        say(
            f"{label}: {train['clips']} clips of {train['sources']} sources to train, "
            f"{held['clips']} of {held['sources']} to validate"
        )
        if not train["clips"] or not held["clips"]:
            say(f"  note: {label} has clips in one split only; more source recordings would mend it")
    for label in manifest["labels_without_clips"]:
        say(f"{label}: no clips that can be used")
    for reject in manifest["rejects"][:5]:
        say(f"rejected {reject['recording']}: {reject['reason']}")
    if len(manifest["rejects"]) > 5:
        say(f"… and {len(manifest['rejects']) - 5} more, in {folder}/manifest.json")
    spread = manifest["duration_s"]
    say(
        f"{manifest['clips']} clips ({spread['min']:.2f} to {spread['max']:.2f} s, mean {spread['mean']:.2f} s), "
        f"{len(manifest['rejects'])} rejected, {manifest['examples']} examples in {len(manifest['shards'])} shards"
    )
    say(f"{spread['total'] / 60:.1f} min of sound in {wall_s:.0f} s, {spread['total'] / wall_s:.0f} × real time")
    say(f"examples: {folder}")


if __name__ == "__main__":
    sys.exit(main())
