"""One record for each request of a Sanic application, under its own server.

Under an ASGI server, `offloop.asgi.RequestLog(app)` does the same.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import Any

from sanic import Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import BaseHTTPResponse, ResponseStream
from sanic.server.websockets.impl import WebsocketImplProtocol
from websockets.frames import DATA_OPCODES, Frame

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

    @app.signal("websocket.handler.before")
    async def open_socket(request: Request, websocket: WebsocketImplProtocol, **_: Any) -> None:
        life = _present.get()
        if life is not None:
            life.open_socket(request, websocket)

    @app.signal("websocket.handler.exception")
    async def fail_socket(exception: Exception, **_: Any) -> None:
        life = _present.get()
        if life is not None:
            life.request.failed(exception)

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
        self._socket: WebsocketImplProtocol | None = None

    def answer(self, request: Request, response: BaseHTTPResponse) -> None:
        if self._is_answered:
            return
        self._is_answered = True
        self._is_stream = isinstance(response, ResponseStream) or not hasattr(response, "body")
        self._set_route(request)
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

    def open_socket(self, request: Request, websocket: WebsocketImplProtocol) -> None:
        self._socket = websocket
        self._set_route(request)
        self.request.upgraded()
        # Sanic has no signals for messages. A version that has other methods goes uncounted.
        with contextlib.suppress(AttributeError):
            self._count(websocket)

    def _count(self, websocket: WebsocketImplProtocol) -> None:
        send, process_events = websocket.send, websocket.process_events

        async def send_noted(message: Any) -> None:
            await send(message)
            self.request.body(len(message.encode() if isinstance(message, str) else message))
            self.request.sent()

        async def process_noted(events: Any) -> None:
            for event in events:
                if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
                    self.request.upload(len(event.data), False)
            await process_events(events)

        websocket.send = send_noted
        websocket.process_events = process_noted

    def _set_route(self, request: Request) -> None:
        if request.route is not None:
            self.request.set_route("/" + request.route.path.lstrip("/"))

    def leave(self) -> None:
        """Nothing more comes of it: if it has not ended, the client has gone away."""
        if self._socket is not None:
            self.request.context.add("websocket.close_code", _close_code(self._socket.ws_proto))
        if not self.request.has_ended:
            self.request.disconnected()
        self.request.returned()


def _close_code(protocol: Any) -> int:
    """Why a websocket has ended, as who ended it says; 1006 if nobody has."""
    received, sent = protocol.close_rcvd, protocol.close_sent
    first = received if received and (protocol.close_rcvd_then_sent or not sent) else sent
    return int(first.code) if first else 1006
