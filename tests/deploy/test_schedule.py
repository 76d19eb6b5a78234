"""The schedules in deploy/schedule/: each is valid, as far as it can be told here, and calls soundbeam as it is."""

import ast
import configparser
import re
import shlex
import shutil
import subprocess

import pytest

from soundbeam.pipelines.console.arguments import option_names
from soundbeam.pipelines.runners.options import beam_options
from soundbeam.pipelines.scan.program import parser
from tests import ROOT

FOLDER = ROOT / "deploy" / "schedule"
SERVICE, TIMER = FOLDER / "soundbeam-scan.service", FOLDER / "soundbeam-scan.timer"
# BeamRunPythonPipelineOperator of apache-airflow-providers-apache-beam 6.3.1, and what BaseOperator adds that is used.
OPERATOR = {
    "py_file", "runner", "default_pipeline_options", "pipeline_options", "py_interpreter", "py_options",
    "py_requirements", "py_system_site_packages", "gcp_conn_id", "dataflow_config", "deferrable",
    "task_id", "retries", "retry_delay", "execution_timeout",
}  # fmt: skip


def check_scan(arguments):
    """Parses a scan's arguments as the program does, Beam's options too; an unknown one fails."""
    own = parser()
    options, rest = own.parse_known_args(arguments)
    beam_options(rest, option_names(own))
    assert options.recordings and options.classifier and options.output
    return options


def unit(path):
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read_string(path.read_text().replace("\\\n", " "))
    return found


def test_the_systemd_service_runs_a_scan():
    service = unit(SERVICE)["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.endswith("/soundbeam") and arguments[0] == "scan" and service["Type"] == "oneshot"
    assert check_scan(arguments[1:]).site == "{site}/*"
    assert re.fullmatch(r"\*-\*-\* ([01]\d|2[0-3]):[0-5]\d:[0-5]\d", unit(TIMER)["Timer"]["OnCalendar"])
    assert unit(TIMER)["Install"]["WantedBy"] == "timers.target" and SERVICE.stem == TIMER.stem


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path):
    # It looks whether the program is there: one that is stands in.
    text = SERVICE.read_text().replace("/opt/soundbeam/bin/soundbeam", shutil.which("true"))
    (tmp_path / SERVICE.name).write_text(text)
    shutil.copy(TIMER, tmp_path)
    command = ["systemd-analyze", "verify", str(tmp_path / SERVICE.name), str(tmp_path / TIMER.name)]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0 and not said.stderr.strip(), said.stderr
    calendar = subprocess.run(["systemd-analyze", "calendar", unit(TIMER)["Timer"]["OnCalendar"]], capture_output=True)
    assert calendar.returncode == 0


def test_the_cron_line():
    number = r"(\*|\d+(-\d+)?)(/\d+)?"
    line = re.compile(rf"({number}(?:,{number})*\s+){{5}}(?P<user>[a-z_][\w-]*)\s+(?P<command>\S.*)")
    lines = [text for text in (FOLDER / "soundbeam.cron").read_text().splitlines() if not text.startswith("#")]
    settings = [text for text in lines if re.fullmatch(r"[A-Z_]+=.*", text)]
    (job,) = [line.fullmatch(text) for text in lines if text not in settings]
    minute, hour, day, month, weekday = job.string.split()[:5]
    assert 0 <= int(minute) < 60 and 0 <= int(hour) < 24 and (day, month, weekday) == ("*", "*", "*")
    assert not re.search(r"(?<!\\)%", job["command"])  # cron ends the line there
    program, scan, *arguments = shlex.split(job["command"].partition(" >>")[0])
    assert program.endswith("/soundbeam") and scan == "scan"
    check_scan(arguments)


def test_the_cronjob():
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((FOLDER / "cronjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", job["metadata"]["name"])  # 52: a Job's suffix is added
    spec = job["spec"]
    assert len(spec["schedule"].split()) == 5 and spec["concurrencyPolicy"] == "Forbid"
    run = spec["jobTemplate"]["spec"]
    pod = run["template"]["spec"]
    # A Job allows no other policy than these two, and podFailurePolicy only Never.
    assert pod["restartPolicy"] == "Never" and isinstance(run["backoffLimit"], int)
    (container,) = pod["containers"]
    assert {"name", "image", "command", "args"} <= set(container)
    assert all(isinstance(a, str) for a in container["args"]) and container["command"] == ["soundbeam", "scan"]
    check_scan(container["args"])
    (rule,) = run["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container["name"] and rule["onExitCodes"]["values"] == [2]


def test_the_dag():
    source = (FOLDER / "airflow_dag.py").read_text()
    tree = ast.parse(source)
    compile(tree, "airflow_dag.py", "exec")
    calls = {n.func.id: n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    given = {k.arg: k.value for k in calls["BeamRunPythonPipelineOperator"].keywords}
    assert not calls["BeamRunPythonPipelineOperator"].args and set(given) <= OPERATOR
    assert ast.literal_eval(given["py_options"]) == ["-m"]
    assert ast.literal_eval(given["py_file"]) == "soundbeam.pipelines.scan"
    options = ast.literal_eval(given["pipeline_options"])
    # As the operator writes them; it adds a label, which Beam has to know.
    arguments = [f"--{name}={value}" for name, value in options.items()]
    arguments += ["--labels=airflow-version=v2-11-0", f"--runner={ast.literal_eval(given['runner'])}"]
    check_scan(arguments)
    dag = {k.arg: k.value for k in calls["DAG"].keywords}
    assert ast.literal_eval(dag["catchup"]) is False and ast.literal_eval(dag["max_active_runs"]) == 1
