"""``run.json`` is written and read in one place, and those of older and newer versions can be read."""

import json

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo
from tests.pipelines.written_scan import run_info


def test_what_is_written_is_read(tmp_path):
    output = Output(str(tmp_path))
    info = run_info("run1", counters={"windows": 3}, taken_over=["run0"], site="{site}/*", wall_s=1.5)
    output.write_run(info)
    assert output.runs() == [info]
    values = json.loads((tmp_path / "runs" / "run=run1" / "run.json").read_text())
    assert list(values)[:4] == ["run", "recordings", "classifier", "fingerprint"]
    assert values["site"] == "{site}/*" and values["counters"] == {"windows": 3}


def test_keys_of_newer_versions_are_ignored_and_missing_ones_of_older_versions_have_defaults():
    values = run_info("run1").to_dict()
    for name in ("call_rules", "recorded_at", "timezone", "site", "since", "gone"):
        del values[name]
    info = RunInfo.from_dict({**values, "invented_later": 1})
    assert (info.parameters.call_rules, info.parameters.timezone, info.gone) == (None, "UTC", 0)


@pytest.mark.parametrize("text", ["{", "[]", '{"run": "run1"}'])
def test_a_damaged_run_json_is_named(tmp_path, text):
    path = tmp_path / "runs" / "run=run1" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(SoundbeamError, match=r"run=run1/run\.json: not readable"):
        Output(str(tmp_path)).runs()


def test_only_what_the_user_set_about_time_and_place_belongs_to_the_settings():
    plain = run_info("run1").parameters.settings
    assert run_info("run2", timezone="UTC", since="2024-01-01").parameters.settings == plain
    others = [{"timezone": "Asia/Tokyo"}, {"site": "{site}/*"}, {"recorded_at": "%Y"}, {"hop_s": 2.0}]
    assert len({plain, *(run_info("run3", **other).parameters.settings for other in others)}) == 5
