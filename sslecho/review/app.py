"""The pages and what they ask for. Ids in addresses are numbers of this review; no path of a file is ever one."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sslecho.errors import InputError, SslechoError
from sslecho.review.desk import Desk
from sslecho.review.guard import Guard, Sessions
from sslecho.review.summary import percent
from sslecho.review.views import Views

HERE = Path(__file__).parent
LATER = {"Cache-Control": "private, max-age=3600"}  # style and script, which hold nothing of anybody


class _Static(StaticFiles):
    """Files of the program itself, which a browser may keep."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(LATER)
        return response


def make_app(desk: Desk, *, sessions: Sessions, hosts: Sequence[str], cookie: str = "sslecho-review") -> Starlette:
    """The application of one review.

    Args:
        hosts: the exact names with their ports that a Host header may have.
        cookie: its name; cookies know no ports, so reviews beside each other need different ones.
    """
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["percent"] = percent
    lock = threading.RLock()  # one action at a time, and no page is drawn half before and half after it
    views = Views(desk)

    def page(template: str, request: Request, **values: Any) -> Response:
        text = pages.get_template(template).render(csrf=request.scope["csrf"], **views.frame(), **values)
        return HTMLResponse(text)

    def overview(request: Request) -> Response:
        with lock:
            return page("overview.html", request, **views.overview(request.query_params))

    def group(request: Request) -> Response:
        with lock:
            return page("group.html", request, **views.group(request.path_params["group"], request.query_params))

    def item(request: Request) -> Response:
        with lock:
            return page("item.html", request, **views.item(request.path_params["item"]))

    def audit(request: Request) -> Response:
        with lock:
            return page("audit.html", request, **views.audit(request.query_params))

    def history(request: Request) -> Response:
        with lock:
            return page("history.html", request, **views.history(request.query_params))

    def small(request: Request) -> Response:
        return Response(desk.pictures.small(_row(request)), media_type="image/jpeg")

    def whole(request: Request) -> Response:
        return Response(desk.pictures.whole(request.path_params["row"]), media_type="image/png")

    def clip(request: Request) -> Response:
        row = _row(request)
        rows, fps = desk.pictures.clip(row)
        return JSONResponse({"frames": rows, "fps": fps, "at": min(rows, key=lambda r: abs(r - row))})

    def _row(request: Request) -> int:
        item = request.path_params["item"]
        if item >= len(desk.items):
            raise InputError("there is no such item")
        return int(desk.items.rows[item])

    def labels(request: Request) -> Response:
        with lock:
            desk.export()
        return FileResponse(desk.folder / "labels.csv", media_type="text/csv", filename="labels.csv")

    def do(said: Any) -> Response:
        if not isinstance(said, dict):
            raise InputError("an action is a JSON object")
        with lock:
            done = desk.do(said)
            undo, redo = desk.log.can
            found = desk.figures()
        return JSONResponse(
            {
                "saved": done.event,
                "said": done.said,
                "summary": found["said"],
                "coverage": found["coverage"],
                "undo": undo,
                "redo": redo,
            }
        )

    async def write(request: Request) -> Response:
        try:
            said = json.loads(await request.body())
        except ValueError:
            raise InputError("an action is a JSON object") from None
        return await run_in_threadpool(do, said)

    async def wrong(request: Request, error: Exception) -> Response:
        status = 400 if isinstance(error, InputError) else 500
        if request.method == "POST":
            return JSONResponse({"error": str(error)}, status)
        return _told(request, str(error), 404 if status == 400 else 500)

    async def missing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return _told(request, "There is no such page.", status)

    def _told(request: Request, message: str, status: int) -> Response:
        with lock:
            frame = views.frame()
        text = pages.get_template("told.html").render(csrf=request.scope.get("csrf", ""), message=message, **frame)
        return HTMLResponse(text, status)

    return Starlette(
        routes=[
            Route("/", overview),
            Route("/group/{group:int}", group),
            Route("/item/{item:int}", item),
            Route("/audit", audit),
            Route("/history", history),
            Route("/small/{item:int}.jpg", small),
            Route("/frame/{row:int}.png", whole),
            Route("/clip/{item:int}.json", clip),
            Route("/labels.csv", labels),
            Route("/do", write, methods=["POST"]),
            Mount("/static", _Static(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, sessions=sessions, hosts=hosts, cookie=cookie)],
        exception_handlers={SslechoError: wrong, HTTPException: missing},
    )
