"""WSGI's answers: what the client got of one that fails or is cut short counts."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE_S, read_lines, wait_for


@pytest.fixture
def server(serve: Any) -> Any:
    return serve("gunicorn", "stream_flask:app", "--bind", "127.0.0.1:{port}")


def the_request(log: Path) -> dict[str, Any]:
    def requests() -> list[dict[str, Any]]:
        return [line for line in read_lines(log) if line["target"] == "offloop::request"]

    (request,) = wait_for(requests, "the record")
    return request


@pytest.mark.parametrize(("path", "size"), [("/parts", 30), ("/written", 23)])
def test_all_parts_of_an_answer_count(server: Any, log: Path, path: str, size: int) -> None:
    assert len(server.get(path).content) == size
    request = the_request(log)
    assert (request["outcome"], request["http.response.body.size"]) == ("completed", size)
    # Nobody has the file of the library's that writes it.
    assert "file" not in request and "line" not in request


@pytest.mark.parametrize("kind", ["error", "os"])
def test_what_was_sent_before_an_answer_failed_counts(server: Any, log: Path, kind: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        server.get(f"/fails/{kind}")
    request = the_request(log)
    assert (request["outcome"], request["http.response.body.size"]) == ("service_error", 10)
    assert request["error"][0].endswith("on purpose")


def test_what_a_client_got_before_it_left_counts(server: Any, log: Path) -> None:
    received = 0
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nhost: here\r\n\r\n")
        while received < 1_000_000:
            received += len(client.recv(65536))
    request = the_request(log)
    assert request["outcome"] == "client_disconnect" and "error" not in request
    # The server did not come back for the last part, of which the client may have got some.
    assert received - 200_000 <= request["http.response.body.size"]


def test_gunicorn_s_line_of_a_request_that_breaks_has_its_path(serve: Any, log: Path) -> None:
    command = ("gunicorn", "stream_flask:app", "--bind", "127.0.0.1:{port}")
    server = serve(*command, "--logger-class", "offloop.gunicorn.Logger")
    assert server.get("/breaks?token=secret").status_code == 500
    server.stop()
    (access,) = [line for line in read_lines(log) if line["target"] == "gunicorn.access"]
    assert (access["message"], access["url.path"]) == ("GET /breaks 500", "/breaks")
    assert "secret" not in str(access)
