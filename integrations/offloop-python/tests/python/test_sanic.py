"""Sanic's answers: one record for each, at its true end, with what the client got."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE_S, read_lines, wait_for

COMMAND = ("sanic", "stream_sanic:app", "--port", "{port}", "--single-process")


@pytest.fixture
def server(serve: Any, log: Path) -> Any:
    return start(serve, log)


def start(serve: Any, log: Path, **environment: str) -> Any:
    server = serve(*COMMAND, **environment)
    # Sanic takes no notice of a signal that comes while a worker is starting.
    wait_for(lambda: any("Worker ready" in line["message"] for line in read_lines(log)), "it")
    return server


def requests(log: Path) -> list[dict[str, Any]]:
    return [line for line in read_lines(log) if line["target"] == "offloop::request"]


def the_request(log: Path) -> dict[str, Any]:
    (request,) = wait_for(lambda: requests(log), "the record")
    return request


def size(request: dict[str, Any]) -> int:
    return request["http.response.body.size"]


def received(server: Any, path: str, until: bytes) -> None:
    """A client that leaves as soon as it has seen this much."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: here\r\n\r\n".encode())
        seen = b""
        while until not in seen:
            more = client.recv(65536)
            assert more, seen
            seen += more


@pytest.mark.parametrize(("path", "parts"), [("/chunked", 5), ("/declared", 3)])
def test_a_stream_s_record_comes_when_all_of_it_is_sent(
    server: Any, log: Path, path: str, parts: int
) -> None:
    assert server.get(path).text == "0123456789" * parts
    server.stop()
    lines = [line for line in read_lines(log) if line["target"] in ("stream", "offloop::request")]
    assert [line["message"] for line in lines[:-1]] == [f"part {part}" for part in range(parts)]
    assert lines[-1]["outcome"] == "completed"
    assert size(lines[-1]) == 10 * parts


def test_a_body_s_size_is_what_the_client_got(server: Any, log: Path) -> None:
    with httpx.Client(base_url=server.url(""), timeout=DEADLINE_S) as client:
        for path in ("/text", "/last", "/file", "/chunked", "/refused", "/nowhere"):
            answer = client.get(path, headers={"x-request-id": path[1:]})
            wait_for(lambda: path[1:] in {line["request_id"] for line in requests(log)}, path)
            request = requests(log)[-1]
            expected = (path, answer.status_code, len(answer.content), "completed")
            status = request["http.response.status_code"]
            assert (request["url.path"], status, size(request), request["outcome"]) == expected
        head = client.head("/text", headers={"x-request-id": "head"})
        assert head.headers["x-request-id"] == "head"
        posted = client.post("/continued", content=b"body", headers={"expect": "100-continue"})
        assert posted.text == "0123456789"
    server.stop()
    by_path = {request["url.path"]: request for request in requests(log)}
    assert size(by_path["/continued"]) == 10
    assert len(requests(log)) == 8


@pytest.mark.parametrize("kind", ["error", "os", "sanic"])
def test_a_stream_that_fails_is_an_error_of_the_service_s(
    server: Any, log: Path, kind: str
) -> None:
    # Sanic ends it as if it were whole.
    assert server.get(f"/fails/{kind}").text == "0123456789" * 3
    request = the_request(log)
    assert (request["outcome"], request["level"]) == ("service_error", "ERROR")
    assert (size(request), request["http.response.status_code"]) == (30, 200)
    assert request["error"][0].endswith("on purpose")


@pytest.mark.parametrize("path", ["/stays", "/waits"])
def test_a_client_that_leaves_early_is_what_the_record_says(
    server: Any, log: Path, path: str
) -> None:
    if path == "/stays":
        received(server, path, b"0123456789\r\n")
    else:
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: here\r\n\r\n".encode())
            wait_for(lambda: any(line["message"] == "waits" for line in read_lines(log)), "it")
    request = the_request(log)
    assert request["outcome"] == "client_disconnect" and "error" not in request
    if path == "/stays":
        assert size(request) == 10


def test_a_stream_that_sanic_gives_up_is_truncated_and_not_by_the_client(
    serve: Any, log: Path
) -> None:
    server = start(serve, log, SANIC_RESPONSE_TIMEOUT="1")
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("/stays")
    request = the_request(log)
    assert (request["outcome"], size(request)) == ("truncated", 10)
