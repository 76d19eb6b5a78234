"""Serves the page on this machine, and to nobody but who has its token, until Ctrl+C."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import socket
import webbrowser

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.lock import OutputLock
from soundbeam.pipelines.review.gate import TOKEN, Gate
from soundbeam.pipelines.review.page_app import page_app
from soundbeam.pipelines.review.session import Session
from soundbeam.pipelines.review.window_sounds import WindowSounds

_HOST = "127.0.0.1"
_OWN_PORTS = (49152, 65536)  # nobody's by IANA's list
_LAST_ANSWERS_S = 2


def serve(session: Session, port: int | None = None, browser: bool = True) -> None:
    """Serves a session's page until the process is interrupted.

    Args:
        session: What is to be looked at.
        port: Which port; None for one that the output's name decides if it is free: verdicts that a browser could not
            send are kept by port, so a server that is started again finds them. Else any free one.
        browser: Whether to open a browser.

    Raises:
        OptionError: The port is in use.
        SoundbeamError: Another review is open in the output.
    """
    import uvicorn

    output = Output(session.output)
    lock = OutputLock(output, f"review-{secrets.token_hex(4)}", "_review", "another review is open there")
    with lock, contextlib.closing(listen(output.url, port)) as listening:
        number = listening.getsockname()[1]
        sounds = WindowSounds()
        gate = Gate(page_app(session, sounds), number)
        config = uvicorn.Config(
            gate,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        url = f"http://{_HOST}:{number}/?{TOKEN}={gate.token}"
        print(f"review: {url}", flush=True)  # not by say(), which leaves out secrets
        say(
            "only this machine's browsers can open it; Ctrl+C ends it, and every verdict is kept as soon as it is given"
        )
        if browser:
            with contextlib.suppress(webbrowser.Error, OSError):
                webbrowser.open(url)
        try:
            with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended cleanly, and passes it on
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            sounds.close()


def listen(output: str, port: int | None) -> socket.socket:
    """A socket on this machine's own address.

    Raises:
        OptionError: The port is in use, or not allowed.
    """
    wanted = port
    if wanted is None:
        low, high = _OWN_PORTS
        wanted = low + int.from_bytes(hashlib.blake2b(output.encode(), digest_size=4).digest(), "big") % (high - low)
    for number in (wanted, 0):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # else a port stays taken for a minute; on Windows two servers could share it
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_HOST, number))
            listening.listen()  # the browser may come before the server is ready; it is kept waiting
            return listening
        except OSError as e:
            listening.close()
            if port is not None:
                why = "is in use" if e.errno == errno.EADDRINUSE else f"cannot be used ({e.strerror})"
                raise OptionError(f"--port {port} {why}; choose another, or leave it out for a free one") from e
    raise OptionError("no port of this machine is free")
