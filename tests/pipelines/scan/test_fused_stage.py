"""What must hold in the graph for every runner: a recording's sound, scores and report never leave one stage."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.scan.graph import build
from soundbeam.pipelines.scan.request import Scan, parameters_of

PAR_DO = "beam:transform:pardo:v1"


@pytest.fixture(scope="module")
def graph(tone_bundle, tmp_path_factory):
    """The scan as a runner is given it."""
    folder = tmp_path_factory.mktemp("graph")
    request = Scan([f"{folder}/*.wav"], tone_bundle, str(folder / "out"))
    bundle = load_bundle(tone_bundle)
    pipeline = beam.Pipeline(runner="FnApiRunner", options=PipelineOptions([]))
    build(pipeline, request, bundle, parameters_of(request, bundle), f"file://{folder}/staging", [(0, "file:///done")])
    return pipeline.to_runner_api().components


def named(graph, words):
    (step,) = [t for t in graph.transforms.values() if t.unique_name.endswith(words) and not t.subtransforms]
    return step


def after(graph, step):
    """The steps that take what a step gives."""
    outputs = set(step.outputs.values())
    return [t for t in graph.transforms.values() if not t.subtransforms and outputs & set(t.inputs.values())]


def between(graph, first, last):
    """All steps behind ``first``, down to ``last``; not those that put together what was cut into ranges."""
    steps, todo = {}, [named(graph, first)]
    while todo:
        step = todo.pop()
        if step.unique_name not in steps and "GroupRanges" not in step.unique_name:
            steps[step.unique_name] = step
            todo += [] if step.unique_name.endswith(last) else after(graph, step)
    return steps


def test_from_decoding_to_writing_every_step_can_stand_in_one_fused_stage(graph):
    steps = between(graph, "DecodeRecordings/Decode", "WriteTables/WriteShards")
    assert any("JoinAndCount" in name for name in steps)
    assert any(name.endswith("WriteTables/WriteShards") for name in steps)
    for name, step in list(steps.items())[1:]:
        # Flink's, Spark's and Dataflow's fusion ends before a shuffle, a side input, and a step with state or timers.
        assert step.spec.urn in (PAR_DO, python_urns.IMPULSE_READ_TRANSFORM), name
        payload = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload)
        assert not payload.side_inputs and not payload.state_specs and not payload.timer_family_specs, name


def test_no_sound_crosses_a_shuffle(graph):
    steps = between(graph, "DecodeRecordings/Decode", "ReportProgress/Report")
    shuffled = {p for t in graph.transforms.values() if "group_by_key" in t.spec.urn for p in t.inputs.values()}
    inside = [s for name, s in steps.items() if not name.endswith("ReportProgress/Report")]
    assert len(inside) > 2 and shuffled
    assert not shuffled & {p for step in inside for p in step.outputs.values()}


def test_nothing_that_comes_straight_from_a_shuffle_is_flattened(graph):
    """Beam's Flink runner fuses a Flatten with the step before it, and then cannot find that step's rows."""
    kinds = {"reshuffle": set(), "flatten": set()}
    for step in graph.transforms.values():
        kind = step.spec.urn.split(":")[-2] if step.spec.urn else ""
        if kind in kinds:
            kinds[kind].update((step.inputs if kind == "flatten" else step.outputs).values())
    assert kinds["reshuffle"] and kinds["flatten"] and not kinds["reshuffle"] & kinds["flatten"]
