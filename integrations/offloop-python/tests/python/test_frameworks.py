"""Frameworks besides FastAPI, as the examples have them."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import read_lines, run_program, wait_for
from websockets.exceptions import ConnectionClosed

ID = {"x-request-id": "01JD3T7Q9N"}


def requests(log: Path) -> list[dict[str, Any]]:
    return [line for line in read_lines(log) if line["target"] == "offloop::request"]


def test_starlette(serve: Any, log: Path) -> None:
    server = serve("uvicorn", "starlette_app:app", "--port", "{port}")
    answer = server.get("/hello/you", headers=ID)
    assert answer.headers["x-request-id"] == "01JD3T7Q9N" and answer.headers["traceresponse"]
    server.stop()
    (request,) = requests(log)
    assert (request["outcome"], request["plan"]) == ("completed", "gold")
    assert request["http.route"] == "/hello/{name}"
    (greeted,) = [line for line in read_lines(log) if line["message"] == "greeted"]
    assert (greeted["name"], greeted["request_id"]) == ("you", "01JD3T7Q9N")


FLASK = ("gunicorn", "flask_app:app", "--workers", "2", "--bind", "127.0.0.1:{port}")


@pytest.mark.parametrize("options", [(), ("--preload",), ("--threads", "2")])
def test_flask_under_gunicorn(serve: Any, log: Path, options: tuple[str, ...]) -> None:
    server = serve(*FLASK, "--logger-class", "offloop.gunicorn.Logger", *options)
    for number in range(20):
        headers = {"x-request-id": f"id-{number}"}
        answer = server.get("/hello/you?token=secret", headers=headers)
        assert answer.headers["x-request-id"] == f"id-{number}"
    server.stop()
    assert "secret" not in log.read_text()
    lines = read_lines(log)
    expected = [f"id-{number}" for number in range(20)]
    for part in (requests(log), [line for line in lines if line["message"] == "greeted"]):
        assert sorted(line["request_id"] for line in part) == sorted(expected)
    assert {line["outcome"] for line in requests(log)} == {"completed"}
    access = [line for line in lines if line["target"] == "gunicorn.access"]
    assert sorted(line["request_id"] for line in access) == sorted(expected)
    assert {line["http.response.status_code"] for line in access} == {200}


def test_an_exception_of_flask_s_is_in_its_record(serve: Any, log: Path) -> None:
    server = serve(*FLASK)
    assert server.get("/raises", headers=ID).status_code == 500
    server.stop()
    (request,) = requests(log)
    assert request["http.response.status_code"] == 500 and request["level"] == "ERROR"
    (error,) = [line for line in read_lines(log) if line.get("error.type") == "ValueError"]
    assert error["request_id"] == "01JD3T7Q9N"


SANIC = ("sanic", "sanic_app:app", "--port", "{port}", "--access-logs")


@pytest.mark.parametrize("workers", [1, 2])
def test_sanic(serve: Any, log: Path, workers: int) -> None:
    server = serve(*SANIC, *(("--workers", "2") if workers == 2 else ("--single-process",)))

    def are_ready() -> bool:
        ready = [line for line in read_lines(log) if "Worker ready" in line["message"]]
        return len(ready) == workers

    # Sanic takes no notice of a signal that comes while a worker is starting.
    wait_for(are_ready, "the workers")
    answer = server.get("/hello/you?token=secret", headers=ID)
    assert answer.headers["x-request-id"] == "01JD3T7Q9N"
    assert server.get("/stream", headers={"x-request-id": "stream"}).text == "onetwo"
    assert server.get("/raises", headers={"x-request-id": "raises"}).status_code == 500
    assert server.get("/nowhere", headers={"x-request-id": "none"}).status_code == 404
    server.stop()
    by_id = {request["request_id"]: request for request in requests(log)}
    assert len(by_id) == len(requests(log)) == 4
    hello, stream = by_id["01JD3T7Q9N"], by_id["stream"]
    assert (hello["outcome"], hello["http.route"]) == ("completed", "/hello/<name:str>")
    assert (hello["http.response.body.size"], stream["outcome"]) == (5, "completed")
    assert by_id["raises"]["error"] == ["ValueError: on purpose"]
    assert by_id["none"]["http.response.status_code"] == 404
    assert "http.route" not in by_id["none"]
    lines = read_lines(log)
    access = {line["request_id"]: line for line in lines if line["target"] == "sanic.access"}
    assert access["01JD3T7Q9N"]["message"] == "GET /hello/you 200"
    assert "secret" not in log.read_text()
    assert any("Server Stopped" in line["message"] for line in lines)


def test_a_websocket_of_sanic_s_has_a_record_as_others_have(serve: Any, log: Path) -> None:
    server = serve("sanic", "load_sanic:app", "--port", "{port}", "--single-process")
    for name, code in (("listens", 1000), ("closes", 4000)):
        with server.connect(f"/socket/{name}", additional_headers={"x-request-id": name}) as client:
            client.send("ping")
            assert client.recv() == "heard"
            if name == "closes":
                with pytest.raises(ConnectionClosed) as ended:
                    client.recv()
                assert ended.value.rcvd.code == code
    with server.connect("/socket/raises", additional_headers={"x-request-id": "raises"}):
        wait_for(lambda: len(requests(log)) == 3, "the records")
    server.stop()
    by_id = {request["request_id"]: request for request in requests(log)}
    assert len(by_id) == len(requests(log)) == 3
    for name, code in (("listens", 1000), ("closes", 4000)):
        request = by_id[name]
        assert (request["outcome"], request["http.response.status_code"]) == ("upgraded", 101)
        assert request["websocket.close_code"] == code
        assert request["http.route"] == "/socket/<name:str>"
        assert (request["http.request.body.size"], request["http.response.body.size"]) == (4, 5)
        assert 0 < request["duration_ms"]
    assert by_id["raises"]["outcome"] == "service_error"
    assert by_id["raises"]["error"] == ["ValueError: on purpose"]
    heard = [line for line in read_lines(log) if line["message"] == "heard ping"]
    assert [line["request_id"] for line in heard] == ["listens", "closes"]


def test_what_an_application_reads_of_an_upload_is_counted(serve: Any, log: Path) -> None:
    server = serve("gunicorn", "load_flask:app", "--bind", "127.0.0.1:{port}")
    body = b"line\n" * 200
    for path, read in (("whole", 1000), ("lines", 1000), ("half", 500), ("unread", 0)):
        answer = server.post(f"/{path}", content=body)
        assert answer.text == str(read)
    server.stop()
    sizes = {line["url.path"]: line.get("http.request.body.size") for line in requests(log)}
    assert sizes == {"/whole": 1000, "/lines": 1000, "/half": 500, "/unread": 0}


def test_a_connection_that_is_kept_does_not_carry_an_id_to_the_next_request(
    serve: Any, log: Path
) -> None:
    server = serve(*SANIC, "--single-process")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        for number in range(3):
            head = f"GET /hello/{number} HTTP/1.1\r\nhost: x\r\n"
            head += "x-request-id: first\r\n" if number == 0 else ""
            client.sendall(f"{head}\r\n".encode())
            received = b""
            while not received.endswith(b"hello"):
                more = client.recv(65536)
                assert more, received
                received += more
    wait_for(lambda: len(requests(log)) == 3, "the records")
    server.stop()
    ids = [request["request_id"] for request in requests(log)]
    assert ids[0] == "first" and len(set(ids)) == 3
    greeted = {line["name_"]: line for line in read_lines(log) if line["message"] == "greeted"}
    assert [greeted[str(number)]["request_id"] for number in range(3)] == ids


def test_structlog_ends_its_chain_here(tmp_path: Path, log: Path) -> None:
    run_program(
        f"""
        import offloop, offloop.structlog, structlog
        offloop.install({str(log)!r})
        structlog.configure(processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(),
            offloop.structlog.Emit("shop"),
        ])
        structlog.contextvars.bind_contextvars(tenant="t1")
        log = structlog.get_logger().bind(user=42)
        log.info("signed in", rows=[1, 2])
        log.debug("no")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        """,
        tmp_path,
    )
    first, second = read_lines(log)
    assert (first["target"], first["message"], first["user"]) == ("shop", "signed in", 42)
    assert (first["tenant"], first["rows"], first["level"]) == ("t1", [1, 2], "INFO")
    assert (second["error.type"], second["level"]) == ("ZeroDivisionError", "ERROR")


def test_the_program_s_configuration_file_holds(tmp_path: Path) -> None:
    (tmp_path / "offloop.toml").write_text(
        """
        level = "info,quiet=error"
        [fields]
        service = "api"
        [sinks.main]
        kind = "file"
        path = "configured.jsonl"
        """
    )
    run_program(
        """
        import logging, offloop
        offloop.install()
        logging.getLogger("quiet").info("no")
        logging.getLogger("loud").info("yes")
        """,
        tmp_path,
    )
    (line,) = read_lines(tmp_path / "configured.jsonl")
    assert (line["message"], line["service"]) == ("yes", "api")


def dict_config(log: Path, *names: str) -> dict[str, Any]:
    """Our handler in a configuration of `logging`, beside loggers of these names."""
    own = {"handlers": ["main"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"main": {"class": "offloop.Handler", "filename": str(log)}},
        "root": {"handlers": ["main"], "level": "INFO"},
        "loggers": {name: own for name in names},
    }


def test_uvicorn_takes_the_handler_from_its_log_config(
    serve: Any, tmp_path: Path, log: Path
) -> None:
    config = tmp_path / "log.json"
    config.write_text(json.dumps(dict_config(log, "uvicorn", "uvicorn.access")))
    options = ("--port", "{port}", "--log-config", str(config))
    server = serve("uvicorn", "plain_app:app", *options)
    server.get("/you?token=secret")
    server.stop()
    lines = read_lines(log)
    (hello,) = [line for line in lines if line["target"] == "plain"]
    assert (hello["message"], hello["user"]) == ("hello /you", 42)
    (access,) = [line for line in lines if line["target"] == "uvicorn.access"]
    assert (access["url.path"], access["http.response.status_code"]) == ("/you", 200)
    assert "Finished server process" in lines[-1]["message"]
    assert "secret" not in log.read_text()


def test_gunicorn_takes_the_handler_from_its_logconfig_dict(
    serve: Any, tmp_path: Path, log: Path
) -> None:
    names = ("gunicorn.error", "gunicorn.access")
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(f"logconfig_dict = {dict_config(log, *names)!r}\n")
    options = ("--bind", "127.0.0.1:{port}", "--config", str(config), "--workers", "2")
    server = serve("gunicorn", "plain_app:wsgi", *options)
    for number in range(20):
        server.get(f"/{number}")
    server.stop()
    lines = read_lines(log)
    messages = [line["message"] for line in lines if line["target"] == "plain"]
    assert sorted(messages) == sorted(f"hello /{number}" for number in range(20))
    paths = [line["url.path"] for line in lines if line["target"] == "gunicorn.access"]
    assert sorted(paths) == sorted(f"/{number}" for number in range(20))
    assert "Shutting down: Master" in [line["message"] for line in lines]


STRUCTLOG = """
    import logging, offloop, offloop.structlog, structlog
    offloop.install({log!r}, logger_class={quick})
    # Later ones are of a class of structlog's.
    logging.getLogger("shop")
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, offloop.structlog.Emit()],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logging.getLogger("app.quiet").setLevel("WARNING")

    def handler():
        structlog.get_logger("app.x").info("hello", user=1)
        structlog.get_logger("app.quiet").info("no")
        emit = offloop.structlog.Emit("shop")
        structlog.wrap_logger(structlog.PrintLogger(), [emit], structlog.BoundLogger).info("hi")

    handler()
"""


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="structlog's class of loggers counts a frame more there"
)
@pytest.mark.parametrize("quick", [True, False])
def test_structlog_s_events_have_the_place_and_the_logger_of_who_called_it(
    tmp_path: Path, log: Path, quick: bool
) -> None:
    run_program(STRUCTLOG.format(log=str(log), quick=quick), tmp_path)
    hello, hi = read_lines(log)
    assert (hello["target"], hi["target"]) == ("app.x", "shop")
    assert {line["function"] for line in (hello, hi)} == {"handler"}
    assert {line["file"] for line in (hello, hi)} == {str(tmp_path / "program.py")}
