"""What a request's records know of it, under real servers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import read_lines, wait_for

ID = {"x-request-id": "01JD3T7Q9N"}


def by_message(log: Path, part: str) -> list[dict[str, Any]]:
    return [line for line in read_lines(log) if part in str(line.get("message"))]


@pytest.fixture
def server(serve: Any) -> Any:
    return serve("uvicorn", "rich_app:app", "--port", "{port}")


def test_the_example_of_the_readme_writes_a_record_of_each_request(serve: Any, log: Path) -> None:
    server = serve("uvicorn", "fastapi_app:app", "--port", "{port}")
    answer = server.get("/users/42?token=secret", headers=ID)
    assert answer.headers["x-request-id"] == "01JD3T7Q9N"
    server.stop()
    lines = read_lines(log)
    assert "secret" not in log.read_text()
    assert [line["user"] for line in lines if line["message"] == "looked up"] == [42]
    (request,) = [line for line in lines if line["target"] == "offloop::request"]
    assert request["http.route"] == "/users/{user}"
    assert request["http.response.status_code"] == 200
    assert (request["outcome"], request["url.path"]) == ("completed", "/users/42")
    (access,) = [line for line in lines if line["target"] == "uvicorn.access"]
    assert access["request_id"] == request["request_id"] == "01JD3T7Q9N"
    assert access["http.response.status_code"] == 200 and access["message"] == "GET /users/42 200"
    assert "Finished server process" in lines[-1]["message"]


@pytest.mark.parametrize(
    ("path", "part", "count"),
    [
        ("/async/1", "async", 5),
        ("/sync/1", "sync", 5),
        ("/background", "background", 1),
        ("/sql", "select 42", 1),
        ("/executor", "carried", 1),
        ("/executor", "helped", 1),
        ("/executor", "to_thread", 1),
    ],
)
def test_records_know_the_request_that_they_belong_to(
    server: Any, log: Path, path: str, part: str, count: int
) -> None:
    server.get(path, headers=ID)
    server.stop()
    lines = by_message(log, part)
    lines = [line for line in lines if line["target"] not in ("uvicorn.access",)]
    assert [line.get("request_id") for line in lines] == ["01JD3T7Q9N"] * count


def test_an_exception_is_in_the_request_s_record_and_in_the_server_s_with_its_id(
    server: Any, log: Path
) -> None:
    assert server.get("/raises", headers=ID).status_code == 500
    server.stop()
    (request,) = [line for line in read_lines(log) if line["target"] == "offloop::request"]
    assert (request["outcome"], request["level"]) == ("service_error", "ERROR")
    assert request["error"] == ["ValueError: on purpose"]
    assert request["http.response.status_code"] == 500
    (error,) = by_message(log, "Exception in ASGI application")
    assert error["request_id"] == "01JD3T7Q9N"
    assert error["error.type"] == "ValueError"
    assert error["exception"][0]["frames"][-1]["function"] == "raises"


def test_what_a_handler_adds_is_in_the_request_s_record(server: Any, log: Path) -> None:
    server.get("/added")
    server.stop()
    (request,) = [line for line in read_lines(log) if line["target"] == "offloop::request"]
    assert (request["plan"], request["rows"]) == ("gold", 3)


def test_a_websocket_has_one_record_at_its_end(server: Any, log: Path) -> None:
    with server.connect("/socket", additional_headers=ID) as client:
        client.send("ping")
        assert client.recv() == "pong"
    wait_for(lambda: by_message(log, "request"), "the record")
    server.stop()
    (request,) = [line for line in read_lines(log) if line["target"] == "offloop::request"]
    assert (request["outcome"], request["http.response.status_code"]) == ("upgraded", 101)
    assert (request["http.request.body.size"], request["http.response.body.size"]) == (4, 4)
    assert [line["request_id"] for line in by_message(log, "socket ping")] == ["01JD3T7Q9N"]


def test_a_client_that_goes_away_is_no_error(server: Any, log: Path) -> None:
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    # It has arrived once the next one has been answered.
    server.get("/added")
    client.close()
    server.stop()
    requests = [line for line in read_lines(log) if line["target"] == "offloop::request"]
    (slow,) = [line for line in requests if line["url.path"] == "/slow"]
    assert slow["outcome"] in ("client_disconnect", "cancelled")
    assert "http.response.status_code" not in slow


@pytest.mark.parametrize("hostile", ["x" * 129, "a b", 'a"b', "a\x1b[2J", "a,b"])
def test_a_hostile_id_is_not_taken_over(server: Any, log: Path, hostile: str) -> None:
    request = f"GET /added HTTP/1.1\r\nhost: x\r\nx-request-id: {hostile}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request.encode("latin-1"))
        while client.recv(65536):
            pass
    server.stop()
    for line in read_lines(log):
        assert hostile not in str(line.get("request_id"))
