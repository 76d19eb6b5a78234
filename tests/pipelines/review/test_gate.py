"""Who may talk to the page's server, over real HTTP: nobody without the token, and no other origin."""

import os
import socket

import pytest

from tests.pipelines.review.looked_at import Server, ids, kept, results_of, said


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("looked at"))


@pytest.fixture(scope="module")
def server(output):
    with Server(output, "--reviewer", "ana") as running:
        yield running


def test_the_token_opens_the_page_and_sets_a_cookie(server):
    status, headers, body = server.ask("GET", f"/?token={server.token}", cookie=False, Origin=None)
    assert status == 200 and b"<title>Review" in body
    assert headers["set-cookie"] == f"soundbeam_review_{server.port}={server.token}; Path=/; HttpOnly; SameSite=Strict"
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert b"<script>" not in body and b"style=" not in body and b"onclick" not in body


@pytest.mark.parametrize(
    "path", ["/", "/state", "/page/review.js", "/sound/x", "/?token=", "/?token=wrong", "/nowhere"]
)
def test_without_the_token_nothing_is_seen(server, path):
    status, headers, body = server.ask("GET", path, cookie=False)
    assert status == 403 and b"review" in body and len(body) < 100
    assert "set-cookie" not in headers
    assert server.ask("GET", path.partition("?")[0], Cookie="soundbeam_review_1=x", cookie=False)[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.example", None]
)
def test_another_host_is_refused_even_with_the_token(server, host):
    name = host and host.format(port=server.port)
    assert server.ask("GET", f"/state?token={server.token}", Host=name, Origin=None)[0] in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", None]
)
def test_no_other_origin_can_give_a_verdict(server, output, origin):
    identity = ids(server)[-1]
    origin = origin and origin.format(port=server.port)
    status, _, _ = server.ask("POST", "/verdicts", said((identity, "yes")), Origin=origin)
    assert status == 403
    assert identity not in kept(output)


def test_the_page_may_be_opened_as_localhost_too(server):
    name = f"localhost:{server.port}"
    assert server.ask("GET", "/state", Host=name, Origin=f"http://{name}")[0] == 200
    assert server.ask("GET", "/state", Host=name)[0] == 403  # an origin of another name


@pytest.mark.parametrize(
    "path", ["/page/..%2f..%2fserver.py", "/page/%2e%2e/server.py", "/server.py", "/page/x", "/docs"]
)
def test_no_other_file_is_served(server, path):
    assert server.ask("GET", path)[0] == 404


def test_only_this_machine_is_listened_to(server):
    with socket.create_connection(("127.0.0.1", server.port)):
        pass
    listening = f"{socket.inet_aton('127.0.0.1')[::-1].hex()}:{server.port:04X}".upper()
    if not os.path.exists("/proc/net/tcp"):
        pytest.skip("no /proc/net/tcp here")
    with open("/proc/net/tcp", encoding="ascii") as file:
        own = [
            line.split()[1]
            for line in file
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{server.port:04X}")
        ]
    assert own == [listening]
