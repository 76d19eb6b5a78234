"""The page's server as an application: its files, the state, the sound of the drawn windows, and verdicts."""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.console.errors import explain
from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.review.session import Session, UnknownWindow
from soundbeam.pipelines.review.window_sounds import NotHeard, WindowSounds

_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_MOST_CONTEXT_S = 10.0


def page_files() -> dict[str, tuple[bytes, str]]:
    """Name → content and media type of the page's own files, the only ones that are served."""
    files = {}
    for entry in importlib.resources.files("soundbeam.pipelines.review").joinpath("page").iterdir():
        kind = _KINDS.get(entry.name.rpartition(".")[2])
        if kind:
            files[entry.name] = entry.read_bytes(), f"{kind}; charset=utf-8"
    return files


def page_app(session: Session, sounds: WindowSounds) -> Starlette:
    """The application of one session; who may use it is decided before (`gate.Gate`)."""
    files = page_files()

    async def page(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            raise HTTPException(404)
        content, kind = files[name]
        return Response(content, media_type=kind)

    def state(request: Request) -> Response:
        session.read()
        return JSONResponse({**session.state(), "colours": colours()})

    def sound(request: Request) -> Response:
        context = request.query_params.get("context", "")
        if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", context) or float(context) > _MOST_CONTEXT_S:
            return JSONResponse({"reason": f"context: seconds, from 0 to {_MOST_CONTEXT_S:g}"}, 400)
        try:
            heard = sounds.sound(session.excerpt(request.path_params["review_id"], float(context)))
        except UnknownWindow as e:
            return JSONResponse({"reason": str(e)}, 404)
        except NotHeard as e:
            return JSONResponse({"reason": plain(str(e))}, 410)
        return Response(heard.wav, media_type="audio/wav", headers={"X-Start-Seconds": repr(heard.start_s)})

    async def verdicts(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"reason": "verdicts come as application/json"}, 415)
        try:
            given = json.loads(await request.body())["verdicts"]
            if not isinstance(given, list):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            return JSONResponse({"reason": 'give {"verdicts": […]}'}, 400)
        # Answered only when they are written.
        return await run_in_threadpool(_record, session, given)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/page/{name}", page),
            Route("/state", state),
            Route("/sound/{review_id}", sound),
            Route("/verdicts", verdicts, methods=["POST"]),
        ]
    )


def _record(session: Session, given: list[Any]) -> Response:
    try:
        session.record(given)
    except (UnknownWindow, OptionError) as e:  # no second try mends it
        return JSONResponse({"reason": plain(str(e))}, 422)
    except Exception as e:  # the disk is full, the store does not answer: the page keeps the verdicts and tries again
        return JSONResponse({"reason": plain(explain(e))}, 503)
    return JSONResponse(session.progress())


def colours() -> str:
    """256 colours from quiet to loud, perceptually uniform: matplotlib's magma, as hexadecimal digits."""
    from matplotlib import colormaps

    table: Any = colormaps["magma"](range(256), bytes=True)
    return table[:, :3].tobytes().hex()
