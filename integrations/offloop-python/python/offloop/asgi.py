"""One record for each request of an ASGI application, at its true end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from . import _offloop, _settings
from ._install import take_over_again
from ._pipelines import server_began, server_ended

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import RequestOptions

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where an application finds the request in its scope.
KEY = "offloop.request"


class RequestLog:
    """Writes one record for each request, and gives all records below it the request's ids.

    Put it around the whole application, `app = RequestLog(app)`, rather than `add_middleware`: then
    the server's own error about an exception has the id, too.

    - `slow_after`: seconds from which on a request is slow (by default 1).
    - `quiet`: paths whose good requests are at DEBUG: `/health` is that path alone, `/health/*` with all
      below it, and `{id}` stands for one segment.
    - `incoming_ids`: `"accept"` (the default) or `"ignore"` what clients send as `x-request-id`, or
      believe `"trusted"` proxies alone; `incoming_traces`: the same for traces.
    - `send_back`: whether responses have `x-request-id` and `traceresponse` (by default they have).
    - `request_headers`, `response_headers`: headers to take into the record.
    - `query`: what is shown of the query string: `"off"` (the default), `{"values_of": ["page"]}` or
      `{"all_except": ["token"]}`.
    - `trusted_proxies`: who is believed about the client's address, such as
      `{"header": "x-forwarded-for", "networks": ["10.0.0.0/8"]}`.
    - `sample`: the share of requests that are logged, from 0 to 1.
    - `detail_bytes`, `slowest`: how much detail is kept for those that go wrong, and from which
      quantile on a request is among the slowest.
    - `naming`: `"opentelemetry"` (the default) or `"ecs"`.
    - `routes`: what is different for some paths, such as
      `[{"path": "/reports/{id}", "slow_after": 20, "sample": 0.1, "hide_path": True}]`.
    - `path`: `"shown"` (the default), or `"route_only"`: the matched route stands for it.
    - `propagation`: headers by which traces come in and are passed on: `"w3c"` (the default), or `"b3"`
      or `"b3_multi"` besides.
    - `shorten_addresses`: whether clients' addresses are shortened to their networks (by default not).
    - `announce`: whether a request's arrival is a record, too (by default not).

    Without any, those of the program's configuration hold.
    """

    def __init__(self, app: Application, **options: Unpack[RequestOptions]) -> None:
        self.app = app
        self._log = _settings.request_log(options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            return await self.app(scope, receive, _following(send))
        if KEY in scope or kind not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        # The context stays set when this returns: what the server itself logs about the request
        # comes after that, in the same task, and belongs to it.
        request = self._log.begin_asgi(scope)
        scope[KEY] = request.context

        events = _Events(receive, request)

        async def send_noted(message: Message) -> None:
            if message["type"].startswith("http.response.") and not message.get("more_body"):
                events.look_for_end()
            message = request.sending(scope, message)
            try:
                await send(message)
            except OSError:
                # The transport refuses to take more.
                request.disconnected()
                raise
            request.sent()

        try:
            await self.app(scope, events.receive, send_noted)
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            request.returned()


class _Events:
    """What the server tells the application."""

    def __init__(self, receive: Receive, request: _offloop.Request) -> None:
        self._receive = receive
        self._request = request
        # What else there is may have begun to wait when it is called, and takes the answer along.
        self._can_be_asked = iscoroutinefunction(receive)
        self._is_waited_for = False
        #: What was told before the application has asked.
        self._ahead: list[Message] = []

    async def receive(self) -> Message:
        if self._ahead:
            message = self._ahead.pop(0)
        else:
            self._is_waited_for = True
            try:
                message = await self._receive()
            finally:
                self._is_waited_for = False
        self._request.received(message)
        return message

    def look_for_end(self) -> None:
        """Finds out whether the client has gone away already, which servers tell only whoever asks."""
        if self._is_waited_for or not self._request.is_upload_over:
            return
        # Other event loops than asyncio's would not stand it.
        if not self._can_be_asked or asyncio._get_running_loop() is None:
            return
        told = self._ahead[-1]["type"] if self._ahead else self._ask()
        if told == "http.request":
            # The application has not read that there is no body.
            told = self._ask()
        if told == "http.disconnect":
            self._request.disconnected()

    def _ask(self) -> str | None:
        """To ask must not wait: the coroutine is run up to where it would, and no further."""
        question = cast(Coroutine[Any, Any, Message], self._receive())
        try:
            question.send(None)
        except StopIteration as answer:
            self._ahead.append(answer.value)
            return str(answer.value["type"])
        except Exception:
            # The application has not asked, so it is not the one to hear of it.
            return None
        question.close()
        return None


def _following(send: Send) -> Send:
    """Follows the server's own life."""

    async def send_noted(message: Message) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                take_over_again()
                server_began()
            case "lifespan.shutdown.complete" | "lifespan.shutdown.failed":
                server_ended()
        await send(message)

    return send_noted
