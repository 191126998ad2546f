"""One record for each request of a Sanic application, under its own server.

Under an ASGI server, `offloop.asgi.RequestLog(app)` does the same.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from sanic import Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import BaseHTTPResponse, ResponseStream

from . import _offloop, _settings
from ._pipelines import server_began, server_ended

#: All requests of a connection run in one task: each sets it anew, and none finds another's.
_present: ContextVar[_Life | None] = ContextVar("offloop_sanic", default=None)


def setup(app: Sanic, **options: Any) -> None:
    """Writes one record for each request, and gives all records below it the request's ids.

    The options are those of `offloop.asgi.RequestLog`. Handlers find the request as
    `request.ctx.offloop`.
    """
    log = _settings.request_log(options)

    @app.signal("http.lifecycle.request")
    async def begin(request: Request, **_: Any) -> None:
        end_previous()
        life = _Life(_begin(log, request))
        request.ctx.offloop = life.request.context
        _present.set(life)

    @app.signal("http.lifecycle.response")
    async def answer(request: Request, response: BaseHTTPResponse, **_: Any) -> None:
        life = _present.get()
        if life is not None:
            life.answer(request, response)

    # A stream has begun by then, so it is met here.
    @app.on_response
    async def begin_stream(request: Request, response: BaseHTTPResponse) -> None:
        life = _present.get()
        if life is not None:
            life.answer(request, response)

    @app.signal("http.lifecycle.send")
    async def send(data: bytes, **_: Any) -> None:
        life = _present.get()
        if life is not None:
            life.send(data)

    @app.signal("http.lifecycle.exception")
    async def fail(request: Request, exception: BaseException, **_: Any) -> None:
        life = _present.get()
        if life is not None and not isinstance(exception, SanicException):
            life.request.context.add("exception.type", type(exception).__qualname__)
            life.request.context.add_error(exception)

    @app.signal("http.lifecycle.complete")
    async def complete(**_: Any) -> None:
        end_previous()
        _present.set(None)
        _offloop.leave()

    @app.before_server_start
    async def begin_server(*_: Any) -> None:
        server_began()

    @app.after_server_stop
    async def end_server(*_: Any) -> None:
        server_ended()

    def end_previous() -> None:
        life = _present.get()
        if life is not None:
            life.leave()


def _begin(log: _offloop.RequestLog, request: Request) -> _offloop.Request:
    peer = (request.ip, request.port) if request.ip and request.port else None
    return log.begin(
        request.method,
        request.path,
        request.query_string or None,
        request.scheme,
        request.version,
        peer,
        list(request.headers.items()),
    )


class _Life:
    """What is known of a request so far."""

    def __init__(self, request: _offloop.Request) -> None:
        self.request = request
        self._is_answered = False
        self._is_stream = False
        self._is_in_body = False

    def answer(self, request: Request, response: BaseHTTPResponse) -> None:
        if self._is_answered:
            return
        self._is_answered = True
        self._is_stream = isinstance(response, ResponseStream) or not hasattr(response, "body")
        if request.route is not None:
            self.request.set_route("/" + request.route.path.lstrip("/"))
        if request.stream is not None and getattr(request.stream, "request_bytes", None):
            self.request.upload(request.stream.request_bytes, True)
        for name, value in self.request.response_headers():
            response.headers[name] = value
        headers = [(name.lower(), str(value)) for name, value in response.headers.items()]
        self.request.head(response.status, headers)

    def send(self, data: bytes) -> None:
        """Bytes are about to be handed to the transport: the head first, with what fits."""
        if not self._is_answered:
            return
        if not self._is_in_body:
            self._is_in_body = True
            data = data[data.find(b"\r\n\r\n") + 4 :]
        self.request.body(len(data))
        self.request.sent()
        if not self._is_stream or data.endswith(b"0\r\n\r\n"):
            self.request.body_ended()
            self.request.returned()

    def leave(self) -> None:
        """Nothing more comes of it: if it has not ended, the client has gone away."""
        if not self.request.has_ended:
            self.request.disconnected()
        self.request.returned()
