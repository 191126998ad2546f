"""What applications and servers see of each other past `RequestLog`: all that they say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import offloop
import pytest
from conftest import DEADLINE_S, read_lines, run_program
from offloop.asgi import RequestLog

SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [],
}
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b""}
EMPTY = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}

COMMANDS = {
    "uvicorn": ("uvicorn", "load_app:app", "--port", "{port}"),
    "uvicorn with wsproto": ("uvicorn", "load_app:app", "--port", "{port}", "--ws", "wsproto"),
    "hypercorn": ("hypercorn", "load_app:app", "-b", "127.0.0.1:{port}"),
    "granian": ("granian", "load_app:app", "--interface", "asgi", "--port", "{port}"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_websocket_s_messages_arrive_however_many_wait(serve: Any, name: str) -> None:
    server = serve(*COMMANDS[name])
    with server.connect("/") as client:
        for _ in range(50):
            client.send("hello")
        assert [client.recv(timeout=DEADLINE_S) for _ in range(50)] == ["heard"] * 50


def run(
    app: Any, *events: dict[str, Any], headers: list[tuple[bytes, bytes]] | None = None
) -> list[dict[str, Any]]:
    """What an application sends where a server has these events for it, one after another."""
    sent: list[dict[str, Any]] = []

    async def main() -> None:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for event in events:
            queue.put_nowait(event)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {**SCOPE, "headers": headers or []}
        await asyncio.wait_for(RequestLog(app)(scope, queue.get, send), DEADLINE_S)

    asyncio.run(main())
    return sent


def test_an_application_that_answers_first_may_read_later() -> None:
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(END)
        received.append(await receive())
        received.append(await receive())

    run(app, EMPTY, GONE)
    assert received == [EMPTY, GONE]


def test_an_application_that_waits_for_the_client_to_go_away_hears_of_it() -> None:
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(START)
        await send(END)
        received.append(await waiting)

    run(app, EMPTY, GONE)
    assert received == [EMPTY, GONE]


def test_an_event_is_not_asked_for_by_anything_but_a_coroutine() -> None:
    """Who makes futures begins to wait for the event when asked, and gives it to that future."""
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(END)
        received.append(await receive())

    async def main() -> None:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        queue.put_nowait(EMPTY)

        def receive() -> Any:
            return asyncio.ensure_future(queue.get())

        async def send(_: Any) -> None:
            await asyncio.sleep(0)

        await asyncio.wait_for(RequestLog(app)(dict(SCOPE), receive, send), DEADLINE_S)

    asyncio.run(main())
    assert received == [EMPTY]


def test_an_application_that_never_reads_does_not_hear_of_a_server_that_cannot_tell() -> None:
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(END)

    async def receive() -> Any:
        raise NotImplementedError

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(RequestLog(app)(dict(SCOPE), receive, send))
    assert sent == [START["type"], END["type"]]


def test_the_trace_goes_on_to_other_services_with_all_its_headers() -> None:
    sent_on: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = offloop.current()
        assert request is not None
        sent_on.update(request.headers(), id=request.id, span_id=request.span_id)
        await send(START)
        await send(END)

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = f"00-{trace}-00f067aa0ba902b7-01"
    run(
        app,
        EMPTY,
        headers=[(b"traceparent", traceparent.encode()), (b"tracestate", b"vendor=1")],
    )
    version, passed_on, parent, flags = sent_on["traceparent"].split("-")
    assert (version, passed_on, flags) == ("00", trace, "01")
    assert parent not in {"00f067aa0ba902b7", sent_on["span_id"]}
    assert sent_on["tracestate"] == "vendor=1"
    assert sent_on["x-request-id"] == sent_on["id"]


@pytest.mark.parametrize(
    ("fails", "outcome"), [("application", "service_error"), ("server", "client_disconnect")]
)
def test_only_what_the_server_raises_says_that_the_client_is_gone(
    tmp_path: Path, log: Path, fails: str, outcome: str
) -> None:
    run_program(
        f"""
        import asyncio, contextlib, offloop
        from offloop.asgi import RequestLog

        offloop.install({str(log)!r})

        async def app(scope, receive, send):
            await send({START!r})
            await send({{**{END!r}, "body": b"0123456789", "more_body": True}})
            if {fails!r} == "application":
                raise ConnectionError("the database is gone")
            await send({END!r})

        async def send(message):
            if message.get("body") == b"":
                raise OSError("the client is gone")

        async def main():
            with contextlib.suppress(OSError):
                await RequestLog(app)({SCOPE!r}, None, send)

        asyncio.run(main())
        """,
        tmp_path,
    )
    (request,) = read_lines(log)
    assert (request["outcome"], request["http.response.body.size"]) == (outcome, 10)
    assert ("error" in request) == (fails == "application")
