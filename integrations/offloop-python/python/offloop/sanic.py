"""One record for each request of a Sanic application, under its own server.

Under an ASGI server, `offloop.asgi.RequestLog(app)` does the same.
"""

from __future__ import annotations

import contextlib
from asyncio import CancelledError
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.exceptions import SanicException
from sanic.models.server_types import ConnInfo
from sanic.response import BaseHTTPResponse
from sanic.server.websockets.impl import WebsocketImplProtocol
from websockets.frames import DATA_OPCODES, Frame

from . import _http1, _offloop, _settings
from ._pipelines import server_began, server_ended

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import RequestOptions

#: All requests of a connection run in one task: each sets it anew, and none finds another's.
_present: ContextVar[_Life | None] = ContextVar("offloop_sanic", default=None)


def setup(app: Sanic, **options: Unpack[RequestOptions]) -> None:
    """Writes one record for each request, and gives all records below it the request's ids.

    The options are those of `offloop.asgi.RequestLog`. Handlers find the request as
    `request.ctx.offloop`.
    """
    log = _settings.request_log(options)

    @app.signal("http.lifecycle.request")
    async def begin(request: Request, **_: Any) -> None:
        end_previous()
        life = _Life(request, _begin(log, request))
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
    async def fail(exception: BaseException, **_: Any) -> None:
        life = _present.get()
        if life is not None:
            life.fail(exception)

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
    async def complete(conn_info: ConnInfo | None, **_: Any) -> None:
        end_previous(conn_info is None or conn_info.lost)
        _present.set(None)
        _offloop.leave()

    @app.before_server_start
    async def begin_server(*_: Any) -> None:
        server_began()

    @app.after_server_stop
    async def end_server(*_: Any) -> None:
        server_ended()

    def end_previous(has_client_left: bool = False) -> None:
        life = _present.get()
        if life is not None:
            life.leave(has_client_left)


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

    def __init__(self, sanic: Request, request: _offloop.Request) -> None:
        self.request = request
        self._sanic = sanic
        #: What follows the head of the response, once that is sent.
        self._body: _http1.Body | None = None
        self._socket: WebsocketImplProtocol | None = None

    def answer(self, request: Request, response: BaseHTTPResponse) -> None:
        """What the response is going to be, unless another takes its place before it is sent."""
        self._set_route(request)
        if self._body is None:
            for name, value in self.request.response_headers():
                response.headers[name] = value

    def send(self, data: bytes) -> None:
        """Bytes are about to be handed to the transport: a head, or parts of a body, or both."""
        if self._body is None:
            data = self._head(data)
        if self._body is None or self.request.has_ended:
            return
        self.request.body(self._body.count(data))
        self.request.sent()
        if self._body.is_over:
            self.request.body_ended()
            self.request.returned()

    def _head(self, data: bytes) -> bytes:
        """Only what is sent is the response: what was answered before may have been replaced."""
        # Frames of a websocket, of which `open_socket` has told, come this way, too.
        while data.startswith(b"HTTP/1"):
            status, headers, data = _http1.split(data)
            # A client is told to continue before its answer.
            if 200 <= status:
                stream = self._sanic.stream
                if stream is not None and getattr(stream, "request_bytes", None):
                    self.request.upload(stream.request_bytes, True)
                self._body = _http1.Body(headers)
                self.request.head(status, headers)
                break
        return data

    def fail(self, error: BaseException) -> None:
        if isinstance(error, CancelledError):
            # The client has left, or the server has no more time for it: its end will tell.
            return
        if self._body is not None:
            # Too late for an answer that says so.
            self.request.failed(error)
        elif not isinstance(error, SanicException):
            self.request.context.add("exception.type", type(error).__qualname__)
            self.request.context.add_error(error)

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

    def leave(self, has_client_left: bool) -> None:
        """Nothing more comes of it, whoever has ended it."""
        if self._socket is not None:
            self.request.context.add("websocket.close_code", _close_code(self._socket.ws_proto))
        if has_client_left and not self.request.has_ended:
            self.request.disconnected()
        self.request.returned()


def _close_code(protocol: Any) -> int:
    """Why a websocket has ended, as who ended it says; 1006 if nobody has."""
    received, sent = protocol.close_rcvd, protocol.close_sent
    first = received if received and (protocol.close_rcvd_then_sent or not sent) else sent
    return int(first.code) if first else 1006
