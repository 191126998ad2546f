"""One record for each request of an ASGI application, at its true end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import CoroutineType
from typing import Any

from . import _settings
from ._install import take_over_again
from ._pipelines import server_began, server_ended

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
    - `quiet`: paths whose good requests are at DEBUG; one that ends with `*` is a prefix.
    - `incoming_ids`: `"accept"` (the default) or `"ignore"` what clients send as `x-request-id`.
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

    Without any, those of the program's configuration hold.
    """

    def __init__(self, app: Application, **options: Any) -> None:
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

        async def receive_noted() -> Message:
            message = await receive()
            request.received(message)
            return message

        async def send_noted(message: Message) -> None:
            if not message.get("more_body") and request.is_upload_over and _is_gone(receive):
                request.disconnected()
            await send(request.sending(scope, message))
            request.sent()

        try:
            await self.app(scope, receive_noted, send_noted)
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            request.returned()


def _is_gone(receive: Receive) -> bool:
    """Whether the client has gone away already, which servers tell only whoever asks.

    To ask must not wait: the coroutine is run up to where it would, and no further. Other event loops
    than asyncio's would not stand that.
    """
    if asyncio._get_running_loop() is None:
        return False
    question = receive()
    if not isinstance(question, CoroutineType):
        return False
    try:
        question.send(None)
    except StopIteration as answer:
        return answer.value["type"] == "http.disconnect"
    question.close()
    return False


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
