"""Who may ask for what: the page is for the person who started it, in a browser that got its address.

Every request must pass, in this order:
1. its Host is one of the exact names that the page is served under (a foreign name that leads here, "DNS rebinding",
   is none of them);
2. it carries the session's cookie, which a browser gets once for the one-time token of the address that was printed;
3. a write comes from the page itself: its Origin is the page's, Sec-Fetch-Site says so too where a browser sends it,
   it is JSON, small, and has the session's CSRF token in a header, which no form of another site can set.

Answers forbid everything that the page doesn't need (Content-Security-Policy), allow no other origin (no CORS header),
and are not stored, since they show patients' pictures.
"""

import hmac
import secrets
import threading
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types page"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
MOST_BYTES = 1 << 20  # of a request: an action on 100,000 items is half of it
LOCKED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>sslecho review</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/review.css">
<main class="alone"><h1>This page needs its address</h1>
<p>Open the address that <code>sslecho review</code> has printed in its terminal. Each address works once, for one
browser; a new one is printed when it was used.</p></main></html>"""
ENTERED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>sslecho review</title>
<meta http-equiv="refresh" content="0; url=/"><link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/review.css">
<main class="alone"><p><a href="/">Go on to the review</a></p></main></html>"""


class Sessions:
    """One-time tokens and the sessions that they open. All of it is in memory: a restart ends every session."""

    def __init__(self, *, on_new_token: Callable[[str], None] = lambda _: None):
        self._lock = threading.Lock()
        self._on_new_token = on_new_token
        self._csrf_of: dict[str, str] = {}
        self.token = secrets.token_urlsafe(32)

    def enter(self, token: str) -> str | None:
        """A new session for the token, which is spent with it; None for any other."""
        with self._lock:
            if not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            session = secrets.token_urlsafe(32)
            self._csrf_of[session] = secrets.token_urlsafe(32)
            self.token = secrets.token_urlsafe(32)
        self._on_new_token(self.token)
        return session

    def csrf_of(self, session: str | None) -> str | None:
        """The CSRF token of a session; None where there is no such session."""
        return self._csrf_of.get(session or "")


class Guard:
    """The checks on top of this file, around an application."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, hosts: Sequence[str], cookie: str):
        self._app, self._sessions, self._cookie = app, sessions, cookie
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websocket is served

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value) if name == "Cache-Control" else headers.update({name: value})
            await send(message)

        answer = self._refused(Request(scope))
        await (answer or self._app)(scope, receive, guarded)

    def _refused(self, request: Request) -> Response | None:
        """The answer to who may not go on, or to who has just shown the token; None lets the request pass."""
        headers = request.headers
        if len(headers.getlist("host")) != 1 or headers["host"].lower() not in self._hosts:
            return PlainTextResponse("This name is not one that the page is served under.", 421)
        if request.method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Not allowed.", 405)
        if request.method != "POST" and request.url.path.startswith("/static/"):
            return None  # the program's own style and script hold nothing of anybody
        if request.method == "GET" and request.url.path == "/" and (token := request.query_params.get("token")):
            session = self._sessions.enter(token)
            if session is not None:
                answer = HTMLResponse(ENTERED)
                answer.set_cookie(self._cookie, session, httponly=True, samesite="strict", path="/")
                return answer
        csrf = self._sessions.csrf_of(request.cookies.get(self._cookie))
        if csrf is None:
            return HTMLResponse(LOCKED, 403)
        request.scope["csrf"] = csrf
        return self._refused_write(headers, csrf) if request.method == "POST" else None

    def _refused_write(self, headers: Headers, csrf: str) -> Response | None:
        if headers.get("origin", "").lower() != f"http://{headers['host'].lower()}":
            return PlainTextResponse("Writes must come from the page itself (Origin).", 403)
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("Writes must come from the page itself (Sec-Fetch-Site).", 403)
        if not hmac.compare_digest(headers.get("x-csrf-token", "").encode(), csrf.encode()):
            return PlainTextResponse("The page's token is missing or old; reload the page.", 403)
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("Writes are JSON.", 415)
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
            return PlainTextResponse(f"A request must say its length, {MOST_BYTES:,} bytes at most.", 413)
        return None
