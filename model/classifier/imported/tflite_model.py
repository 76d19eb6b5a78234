"""Reads a TFLite model. The bundle's network is the same file with its outputs chosen; its scores stay bit-equal."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.imported.candidate import Built, Candidate, Tensor
from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.classifier.native_messages import without_messages
from soundbeam.model.errors import SoundbeamError

_FLEX = ("Select TensorFlow op", "Flex", "custom op")


def read_tflite(name: str, data: bytes) -> Candidate:
    """A TFLite model.

    Args:
        name: For messages.
        data: The file.

    Raises:
        SoundbeamError: It is damaged, needs TensorFlow's own operators, or gives other than floating-point numbers.
    """
    with without_messages(""):
        try:
            interpreter = Interpreter(model_content=data, num_threads=1)
            interpreter.allocate_tensors()
            # They run where TensorFlow is loaded, as here perhaps, but not in a scan. No public function tells them.
            if any(op["op_name"].startswith("Flex") for op in interpreter._get_ops_details()):
                raise RuntimeError(_FLEX[0])
        except Exception as e:  # ValueError of what is cut off, RuntimeError of an operator
            raise SoundbeamError(f"{name}: {_reason(str(e))}") from e
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    others = {str(t["dtype"].__name__) for t in (*inputs, *outputs)} - {"float32"}
    if others:
        raise SoundbeamError(f"{name}: takes or gives {', '.join(sorted(others))}; a model to import has float32 only")
    ends = {t["index"] for t in (*inputs, *outputs)}
    inner = [t for t in interpreter.get_tensor_details() if t["index"] not in ends and t["dtype"] is inputs[0]["dtype"]]
    indices = {t["name"]: t["index"] for t in (*inner, *outputs)}
    entrance = inputs[0] if len(inputs) == 1 else None

    def build(samples: int, output: Tensor, embedding: Tensor | None, activation: str) -> Built:
        from soundbeam.model.classifier.tflite_outputs import with_outputs

        chosen = [indices[tensor.name] for tensor in (output, *((embedding,) if embedding else ()))]
        length = samples if entrance is not None and None in _of_window(entrance).shape else None
        as_it_is = chosen == [t["index"] for t in outputs] and length is None
        changed = data if as_it_is else with_outputs(data, chosen, length)
        with without_messages(""):
            try:
                return Built("tflite", changed, LiteRTNetwork(changed))
            except Exception as e:
                raise SoundbeamError(f"{name}: {_reason(str(e))}") from e

    return Candidate(
        name,
        "TFLite model",
        [_of_window(t) for t in inputs],
        [_of_window(t, exit=True) for t in outputs],
        [_of_window(t, exit=True) for t in inner if len(t["shape_signature"]) > 1],
        build,
    )


def _of_window(details: dict[str, Any], exit: bool = False) -> Tensor:
    """A tensor without its batch. One of a single dimension has none, if it is an input."""
    signature = [int(n) for n in details["shape_signature"]]
    shape = signature[1:] if len(signature) > 1 else signature
    if exit:  # those within are of one window and have no signature
        shape = [n if n > 0 else int(m) for n, m in zip(shape, details["shape"][-len(shape) or None :], strict=True)]
    return Tensor(details["name"], tuple(n if n > 0 else None for n in shape))


def _reason(error: str) -> str:
    line = " ".join(error.split())[:160]
    if any(text in error for text in _FLEX):
        return (
            "needs TensorFlow's own operators (Flex) or others that LiteRT has not; "
            f"convert it with built-in operators only, or import its SavedModel ({line})"
        )
    return f"cannot be read as a TFLite model; it is damaged or cut off: fetch it again ({line})"
