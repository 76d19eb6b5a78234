"""A cluster that is not there, or cannot take a scan: one line each, before anything is waited for."""

import http.server
import json
import socket
import threading
from types import MappingProxyType

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions

from soundbeam.pipelines.console.arguments import option_names
from soundbeam.pipelines.runners.cluster_checks import check_cluster
from soundbeam.pipelines.runners.flink import job_on_flink
from soundbeam.pipelines.runners.options import beam_options
from soundbeam.pipelines.scan.program import main, parser


class Flink(http.server.BaseHTTPRequestHandler):
    """What a job manager says of itself and of its jobs; what it is asked to change is kept."""

    overview = MappingProxyType({"flink-version": "2.2.1", "slots-total": 2, "jobs": ()})
    asked = ()

    def do_GET(self):
        answers = {"/overview": dict(self.overview), "/jobs/overview": {"jobs": self.overview["jobs"]}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answers[self.path]).encode() if self.path in answers else b"<html>")

    def do_PATCH(self):
        type(self).asked += (self.path,)
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Serves an overview as a job manager does: → HOST:PORT."""
    servers = []

    def start(**overview):
        handler = type("Handler", (Flink,), {"overview": {**Flink.overview, **overview}})
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_port}"

    start.servers = servers
    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def nobody():
    """HOST:PORT where nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{s.getsockname()[1]}"


def checked(*options):
    check_cluster(beam_options(["--runner=FlinkRunner", *options], option_names(parser())))


def refused(*options):
    with pytest.raises(Exception) as e:
        checked(*options)
    assert type(e.value).__name__ == "SoundbeamError" and "\n" not in str(e.value)
    return str(e.value)


def test_a_scan_on_a_flink_master_that_is_not_there_is_one_line_and_exit_1(nobody, tone_bundle, tmp_path, capsys):
    arguments = ["--recordings", str(tmp_path), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]
    assert main([*arguments, "--runner=FlinkRunner", f"--flink_master={nobody}"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1 and "no Flink job manager answers" in errors[0] and nobody in errors[0]
    assert not (tmp_path / "out" / "runs").exists()


def test_a_cluster_that_can_take_the_scan_is_let_through(serve, tmp_path):
    (tmp_path / "server.jar").write_bytes(b"")
    good = [f"--flink_job_server_jar={tmp_path}/server.jar", "--job_server_java_launcher=ls"]
    checked(f"--flink_master={serve()}", "--environment_type=EXTERNAL", *good)
    checked(f"--flink_master=http://{serve()}", "--sdk_container_image=ours", *good)


def test_a_cluster_that_cannot_take_the_scan_says_why(serve, nobody, tmp_path):
    external = "--environment_type=EXTERNAL"
    assert "--flink_version=1.20" in refused(f"--flink_master={serve(**{'flink-version': '1.20.3'})}", external)
    assert "no task manager" in refused(f"--flink_master={serve(**{'slots-total': 0})}", external)
    assert "is no Flink job manager" in refused(f"--flink_master={serve()}/elsewhere", external)
    assert "--environment_type is missing" in refused(f"--flink_master={serve()}")
    at = [f"--flink_master={serve()}", external]
    assert "no such file" in refused(*at, f"--flink_job_server_jar={tmp_path}/no.jar", "--job_server_java_launcher=ls")
    assert "there is no 'no-java' here" in refused(*at, "--job_server_java_launcher=no-java")
    assert "no job server answers" in refused(f"--job_endpoint={nobody}")
    assert "is not HOST:PORT" in refused("--job_endpoint=localhost")


def test_a_spark_cluster_that_cannot_take_the_scan_says_why_and_one_that_can_is_let_through(serve, nobody, tmp_path):
    (tmp_path / "server.jar").write_bytes(b"")
    external, spark = "--environment_type=EXTERNAL", "--runner=SparkRunner"
    java = "--job_server_java_launcher=ls"
    said = refused(spark, f"--spark_master_url=spark://{nobody}", external)
    assert f"no Spark master answers at --spark_master_url={nobody}" in said
    assert "is not HOST:PORT" in refused(spark, "--spark_master_url=spark://here", external)
    at = [spark, f"--spark_master_url=spark://{serve()}"]
    assert "--environment_type is missing" in refused(*at)
    said = refused(*at, external, java, f"--spark_job_server_jar={tmp_path}/no.jar")
    assert said.startswith("--spark_job_server_jar=") and "no such file" in said
    checked(*at, external, java, f"--spark_job_server_jar={tmp_path}/server.jar")
    checked(spark, "--spark_master_url=local[2]", java, f"--spark_job_server_jar={tmp_path}/server.jar")


def test_the_local_runner_asks_nobody(nobody):
    options = beam_options([f"--flink_master={nobody}"], option_names(parser()))
    check_cluster(options)
    assert job_on_flink(options) is None and not options.view_as(GoogleCloudOptions).job_name


def test_an_interrupted_pipeline_cancels_its_own_job_and_no_other(serve, nobody):
    def jobs(*rows):
        return [{"jid": jid, "name": name, "state": state} for jid, name, state in rows]

    others = [("j1", "somebody's", "RUNNING"), ("j2", "mine", "FAILED")]
    cases = [
        ([*others, ("j3", "mine", "RUNNING")], ("/jobs/j3?mode=cancel",)),
        ([*others, ("j3", "mine", "RESTARTING")], ("/jobs/j3?mode=cancel",)),
        (others, ()),
        ([*others, ("j3", "mine", "RUNNING"), ("j4", "mine", "RUNNING")], ()),
    ]
    named = ("--runner=FlinkRunner", "--job_name=mine")
    for rows, asked in cases:
        master = serve(jobs=jobs(*rows))
        job = job_on_flink(beam_options([*named, f"--flink_master={master}"], option_names(parser())))
        job.cancel()
        assert serve.servers[-1].RequestHandlerClass.asked == asked
    job_on_flink(beam_options([*named, f"--flink_master={nobody}"], option_names(parser()))).cancel()


def test_two_pipelines_on_flink_have_two_names_and_a_name_that_was_given_stays(nobody):
    names = set()
    for more in ([], [], ["--job_name=mine"]):
        options = beam_options(["--runner=FlinkRunner", f"--flink_master={nobody}", *more], option_names(parser()))
        job = job_on_flink(options)
        assert options.view_as(GoogleCloudOptions).job_name == job.name
        names.add(job.name)
    assert len(names) == 3 and "mine" in names


def test_options_of_the_job_server_pass_and_slips_of_the_pen_do_not(capsys):
    beam_options(["--runner=FlinkRunner", "--max_bundle_time_mills=60000"], option_names(parser()))
    assert "--max_bundle_time_mills=60000" in capsys.readouterr().out
    for runner, option in (("FlinkRunner", "--treshold=0.5"), ("FnApiRunner", "--max_bundle_time_mills=60000")):
        with pytest.raises(Exception, match="unknown option"):
            beam_options([f"--runner={runner}", option], option_names(parser()))
