"""Makes a classifier bundle of a model that others trained.

    soundbeam import birdnet --classifier birdnet/
    soundbeam import CustomClassifier.tflite --classifier mine/
    soundbeam import night/ --labels species.txt --output output_4 --rate 22050 --activation sigmoid --classifier b/

TFLite files, SavedModels and ``.keras`` files. The bundle is scanned with like any other.
"""

from __future__ import annotations

import argparse
import sys

from soundbeam.pipelines.console.arguments import Parser, positive, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say


def parser() -> Parser:
    """The command line."""
    own = Parser(
        "import",
        "Makes a classifier bundle of a model that others trained: a TFLite file, a SavedModel or a .keras file.",
        "soundbeam import birdnet --classifier birdnet/",
    )
    own.add_argument(
        "model",
        metavar="MODEL",
        help="a .tflite or .keras file, a SavedModel's folder, or 'birdnet'",
    )
    own.add_argument("--classifier", required=True, metavar="DIR", help="folder for the bundle; one there is replaced")
    own.add_argument("--labels", metavar="FILE", help="one label a line, or a CSV (default: the file beside the model)")
    own.add_argument("--rate", type=positive_int, metavar="HZ", help="samples a second, where the model does not say")
    own.add_argument("--window", type=positive, metavar="S", help="seconds of a window, where the model does not say")
    own.add_argument("--output", metavar="NAME", help="the output that is the scores, where there are several")
    own.add_argument("--embedding", metavar="NAME", help="the tensor that is the embedding, if its name is odd")
    own.add_argument(
        "--activation",
        choices=("sigmoid", "softmax", "none"),
        help="what makes scores of the outputs (default: none if they are from 0 to 1, sigmoid of BirdNET)",
    )
    own.add_argument("--licence", metavar="TEXT", help="the model's; kept in the bundle and in every run.json")
    own.add_argument("--sha256", metavar="HEX", help="refuse a model file that has another SHA-256")
    own.add_argument(
        "--threshold",
        type=share(low_open=True, high_open=True),
        default=0.25,
        metavar="X",
        help="score from which a window counts, of every label (default: 0.25)",
    )
    return own


@program("import")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options: argparse.Namespace = parser().parse_args(argv)

    from soundbeam.model.classifier.imported.importing import Importing, import_model

    bundle = import_model(Importing(**vars(options)), say)
    labels = f"{len(bundle.labels):,} labels" if len(bundle.labels) > 1 else "1 label"
    embedding = f"embeddings of {bundle.embedding_size:,} values" if bundle.embedding_size else "no embeddings"
    say(f"{bundle.source['file']}: {labels}, windows of {bundle.window_s:g} s at {bundle.rate:,} Hz, {embedding}")
    say(f"activation: {bundle.activation}; threshold {options.threshold:g} for every label")
    if bundle.licence:
        say(f"licence: {bundle.licence}")
    say(f"classifier: {options.classifier}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
