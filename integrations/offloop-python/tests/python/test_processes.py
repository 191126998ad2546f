"""Processes that share files and pipes, that fork, that are told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE_S, read_lines, run_program, wait_for


def test_a_fork_s_child_goes_on_and_nothing_comes_twice(tmp_path: Path, log: Path) -> None:
    run_program(
        f"""
        import logging, offloop, os, threading
        offloop.install({str(log)!r})
        for number in range(3000):
            logging.info("n", extra={{"who": "before", "number": number}})
        threading.Thread(target=lambda: [logging.info("n", extra={{"who": "thread", "number": n}})
                                         for n in range(3000)]).start()
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                for number in range(1000):
                    logging.info("n", extra={{"who": f"child {{child}}", "number": number}})
                offloop.shutdown()
                os._exit(0)
            children.append(pid)
        for number in range(1000):
            logging.info("n", extra={{"who": "parent", "number": number}})
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        """,
        tmp_path,
    )
    counts = Counter((line["who"], line["number"]) for line in read_lines(log))
    assert set(counts.values()) == {1}
    assert Counter(who for who, _ in counts) == {
        "before": 3000,
        "thread": 3000,
        "parent": 1000,
        "child 0": 1000,
        "child 1": 1000,
        "child 2": 1000,
    }


@pytest.mark.parametrize(
    ("method", "is_parent_first"),
    [("fork", True), ("fork", False), ("forkserver", False), ("spawn", False)],
)
def test_workers_of_multiprocessing_lose_nothing_at_their_end(
    tmp_path: Path, log: Path, method: str, is_parent_first: bool
) -> None:
    run_program(
        f"""
        import logging, multiprocessing

        def install():
            import offloop
            offloop.install({str(log)!r})

        def work(worker):
            if not {is_parent_first}:
                install()
            for number in range(2000):
                logging.info("n", extra={{"who": worker, "number": number}})

        if __name__ == "__main__":
            if {is_parent_first}:
                install()
                logging.info("n", extra={{"who": "parent", "number": 0}})
            context = multiprocessing.get_context({method!r})
            workers = [context.Process(target=work, args=(number,)) for number in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        """,
        tmp_path,
    )
    counts = Counter((line["who"], line["number"]) for line in read_lines(log))
    assert set(counts.values()) == {1}
    parent = {"parent": 1} if is_parent_first else {}
    assert Counter(who for who, _ in counts) == {**parent, 0: 2000, 1: 2000}


def test_a_program_that_logs_loads_nothing_that_makes_records_dearer(
    tmp_path: Path, log: Path
) -> None:
    """`logging` asks these for the names of process and task with each record, where they are loaded."""
    run_program(
        f"""
        import logging, offloop, sys
        offloop.install({str(log)!r})
        logging.info("hello")
        assert not {{"asyncio", "multiprocessing"}} & sys.modules.keys()
        """,
        tmp_path,
    )


def test_lines_of_processes_that_share_a_pipe_are_whole(tmp_path: Path) -> None:
    done = run_program(
        """
        import logging, offloop, os
        offloop.install()
        for child in range(3):
            if os.fork() == 0:
                for number in range(3000):
                    size = (200, 3000)[number % 2]
                    logging.info("n", extra={"who": child, "number": number, "pad": "x" * size})
                offloop.shutdown()
                os._exit(0)
        for _ in range(3):
            os.wait()
        """,
        tmp_path,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    counts = Counter((line["who"], line["number"]) for line in lines)
    assert len(counts) == 9000 and set(counts.values()) == {1}


def test_a_full_stdout_that_does_not_block_loses_nothing(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, offloop, os\n"
        "os.set_blocking(1, False)\n"
        "offloop.install()\n"
        "for number in range(3000):\n"
        "    logging.info('n', extra={'number': number, 'pad': 'x' * 300})\n"
        "os.write(2, b'logged')\n"
    )
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Nobody has read any of it by now, and it does not fit into the pipe.
        assert process.stderr.read(6) == b"logged"
        output, errors = process.communicate(timeout=DEADLINE_S)
    assert [json.loads(line)["number"] for line in output.splitlines()] == list(range(3000))
    assert errors == b""


def test_a_dead_sink_holds_up_nobody_and_close_says_what_is_left(tmp_path: Path) -> None:
    """Nobody ever reads, and the budget is used up: no thread may wait with the interpreter's lock."""
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import json, logging, offloop, os, threading, time
handler = offloop.install(budget=1 << 20, exit_timeout=0.2)
latest, late = time.perf_counter(), 0.0
is_over = threading.Event()

def beat():
    global late
    latest = time.perf_counter()
    while not is_over.wait(0.005):
        now = time.perf_counter()
        late, latest = max(late, now - latest - 0.005), now

heart = threading.Thread(target=beat)
heart.start()
for number in range(50_000):
    logging.info("n", extra={{"number": number, "pad": "x" * 200}})
    if number % 1000 == 0:
        time.sleep(0.001)
began = time.perf_counter()
left = handler.close(1.0)
took = time.perf_counter() - began
is_over.set()
heart.join()
os.write(2, json.dumps([late, took, left, handler.stats()]).encode() + b"\\n")
os._exit(0)
"""
    )
    reader, writer = os.pipe()
    command = [sys.executable, str(program)]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, timeout=2 * DEADLINE_S, text=True
    )
    os.close(reader)
    os.close(writer)
    late, took, left, stats = json.loads(done.stderr.splitlines()[-1])
    assert stats["lost"] and left == stats["waiting"]
    assert stats["accepted"] == stats["written"] + stats["waiting"] + stats["lost"] == 50_000
    # The figures have their place in the benches; what is seen here is a thread that stands still: who
    # waits for this sink does so for ever, and who waits a little with each record, for minutes.
    assert late < DEADLINE_S / 2 and took < DEADLINE_S / 2, (late, took)


def test_what_is_logged_after_shutdown_is_written_before_an_end_that_nobody_hears_of(
    tmp_path: Path, log: Path
) -> None:
    run_program(
        f"""
        import logging, offloop, os
        offloop.install({str(log)!r})
        logging.info("before")
        assert offloop.shutdown() == 0
        logging.info("after")
        offloop.get_logger().info("at last", number=1)
        os._exit(0)
        """,
        tmp_path,
    )
    assert [line["message"] for line in read_lines(log)] == ["before", "after", "at last"]


def test_several_dead_sinks_hold_up_the_end_no_longer_than_one(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
import logging, offloop, time
for stream in ("stdout", "stderr"):
    handler = offloop.Handler(stream=stream, exit_timeout=10)
    logging.root.addHandler(handler)
for number in range(1000):
    logging.warning("n", extra={"pad": "x" * 1000})
open("logged", "w").write(str(time.monotonic()))
"""
    )
    reader, writer = os.pipe()
    command = [sys.executable, str(program)]
    done = subprocess.run(
        command, stdout=writer, stderr=writer, cwd=tmp_path, timeout=2 * DEADLINE_S
    )
    took = time.monotonic() - float((tmp_path / "logged").read_text())
    os.close(reader)
    os.close(writer)
    # One after the other, they would hold it up for twenty.
    assert done.returncode == 0 and took < 20, took


#: No record of the applications here makes a longer line.
LINE_BYTES_MAX = 2048

SERVERS = {
    "uvicorn": ("uvicorn", "load_app:app", "--port", "{port}"),
    "uvicorn, two workers": ("uvicorn", "load_app:app", "--port", "{port}", "--workers", "2"),
    "gunicorn with uvicorn's worker": (
        "gunicorn", "load_app:app", "-k", "uvicorn_worker.UvicornWorker", "-w", "2",
        "-b", "127.0.0.1:{port}",
    ),
    "the same, preloaded": (
        "gunicorn", "load_app:app", "-k", "uvicorn_worker.UvicornWorker", "-w", "2", "--preload",
        "-b", "127.0.0.1:{port}",
    ),
    "gunicorn with its own ASGI worker": (
        "gunicorn", "load_app:app", "-k", "asgi", "-w", "2", "-b", "127.0.0.1:{port}",
    ),
    "hypercorn": ("hypercorn", "load_app:app", "-b", "127.0.0.1:{port}"),
    "granian": (
        "granian", "load_app:app", "--interface", "asgi", "--port", "{port}", "--workers", "2",
    ),
    "sanic": ("sanic", "load_sanic:app", "--port", "{port}", "--single-process"),
    "sanic, two workers": ("sanic", "load_sanic:app", "--port", "{port}", "--workers", "2"),
    "gunicorn's sync workers": (
        "gunicorn", "load_flask:app", "-w", "2", "-b", "127.0.0.1:{port}",
        "--logger-class", "offloop.gunicorn.Logger",
    ),
}  # fmt: skip


#: What each says last, and how often: once in each process that has loaded the application.
LAST_WORDS = {
    "uvicorn": {"Finished server process": 1},
    "uvicorn, two workers": {"Finished server process": 2},
    "gunicorn with uvicorn's worker": {"Finished server process": 2},
    "the same, preloaded": {"Finished server process": 2, "Shutting down: Master": 1},
    "gunicorn with its own ASGI worker": {"Worker exiting": 2},
    # They say nothing once the application has been shut down.
    "hypercorn": {"Running on": 1},
    "granian": {"Stopping worker": 2},
    "sanic": {"Server Stopped": 1},
    "sanic, two workers": {"Server Stopped": 1},
    "gunicorn's sync workers": {"Worker exiting": 2},
}

#: What each says first, and how often, when all its processes can take a signal: before that one of them
#: may end without its last words, and Sanic takes no notice of it, nor within a tenth of a second after that
#: where there are several workers.
READY = {
    "uvicorn": ("Application startup complete", 1),
    "uvicorn, two workers": ("Application startup complete", 2),
    "gunicorn with uvicorn's worker": ("Application startup complete", 2),
    "the same, preloaded": ("Application startup complete", 2),
    "gunicorn with its own ASGI worker": ("ASGI server listening", 2),
    "hypercorn": ("Running on", 1),
    "granian": ("Started worker", 2),
    "sanic": ("Worker ready", 1),
    "sanic, two workers": ("Worker ready", 2),
    # It says nothing where we hear of it, and its workers heed signals before they load the application.
    "gunicorn's sync workers": ("", 0),
}


def messages(log: Path) -> list[str]:
    return [str(line["message"]) for line in read_lines(log)]


def wait_until_ready(name: str, log: Path) -> None:
    words, count = READY[name]

    def are_ready() -> bool:
        return count <= sum(words in message for message in messages(log))

    wait_for(are_ready, "the workers")


@pytest.mark.parametrize("name", SERVERS)
def test_sigterm_under_load_loses_nothing(serve: Any, log: Path, name: str) -> None:
    server = serve(*SERVERS[name])
    wait_until_ready(name, log)
    answered: list[str] = []
    is_over = threading.Event()

    def load(client: int) -> None:
        number = 0
        with httpx.Client(timeout=DEADLINE_S) as session:
            while not is_over.is_set():
                key = f"{client}-{number}"
                try:
                    if session.get(server.url(f"/{key}")).status_code == 200:
                        answered.append(key)
                except httpx.TransportError:
                    return
                number += 1

    clients = [threading.Thread(target=load, args=(client,)) for client in range(4)]
    for client in clients:
        client.start()
    wait_for(lambda: 400 <= len(answered), "the load")
    server.stop()
    is_over.set()
    for client in clients:
        client.join()
    steps: dict[str, list[int]] = {}
    requests = Counter()
    for line in read_lines(log):
        if line["target"] == "load":
            steps.setdefault(line["key"], []).append(line["step"])
        elif line["target"] == "offloop::request":
            requests[line["url.path"]] += 1
    for key in answered:
        assert steps[key] == [0, 1, 2, 3, 4], (name, key)
        assert requests[f"/{key}"] == 1, (name, key)
    assert set(requests.values()) == {1}
    said = messages(log)
    for words, count in LAST_WORDS[name].items():
        assert sum(message.startswith(words) for message in said) == count, (name, said[-20:])


@pytest.mark.parametrize("name", ["gunicorn with uvicorn's worker", "the same, preloaded"])
def test_what_a_killed_worker_said_last_is_written_by_the_next_one(
    serve: Any, log: Path, name: str
) -> None:
    """Where the application was loaded before the workers were forked, nothing starts anew."""
    server = serve(*SERVERS[name])
    wait_until_ready(name, log)
    with pytest.raises(httpx.TransportError):
        server.get("/dies")
    wait_for(lambda: "last words" in messages(log), "the last words")
    server.stop()
    (words,) = [line for line in read_lines(log) if line["message"] == "last words"]
    assert words["recovered"] is True


@pytest.mark.parametrize("name", [name for name in SERVERS if "load_app:app" in SERVERS[name]])
def test_sigterm_loses_nothing_where_nobody_tells_us_that_the_server_ends(
    serve: Any, log: Path, name: str
) -> None:
    server = serve(*SERVERS[name], OFFLOOP_TEST_UNFOLLOWED="1")
    wait_until_ready(name, log)
    for number in range(20):
        assert server.get(f"/{number}").status_code == 200
    server.stop()
    steps = Counter(line["key"] for line in read_lines(log) if line["target"] == "load")
    assert steps == {str(number): 5 for number in range(20)}
    said = messages(log)
    for words, count in LAST_WORDS[name].items():
        assert sum(message.startswith(words) for message in said) == count, (name, said[-20:])


@pytest.mark.parametrize(
    ("name", "path", "outcome"),
    [
        ("uvicorn", "/listens", "upgraded"),
        ("uvicorn", "/sleeps", "cancelled"),
        ("uvicorn, two workers", "/listens", "upgraded"),
        ("gunicorn with uvicorn's worker", "/listens", "upgraded"),
        # It cancels tasks without a word to them.
        ("hypercorn", "/listens", "cancelled"),
        # It leaves them as they are, if it does not close them in time.
        ("granian", "/listens", "server_shutdown"),
        ("sanic", "/socket/listens", "upgraded"),
    ],
)
def test_a_websocket_that_is_open_when_the_server_stops_has_one_record(
    serve: Any, log: Path, name: str, path: str, outcome: str
) -> None:
    # Nobody waits for who sleeps.
    options = ("--timeout-graceful-shutdown", "1") if path == "/sleeps" else ()
    if name == "granian":
        # Nor does it take notice of a signal that comes while a worker is starting: the one that
        # answers is not.
        options = ("--workers", "1")
    server = serve(*SERVERS[name], *options)
    if name != "granian":
        wait_until_ready(name, log)
    with server.connect(path) as client:
        if path != "/sleeps":
            client.send("hello")
            assert client.recv() == "heard"
        server.stop()
    (request,) = [line for line in read_lines(log) if line["target"] == "offloop::request"]
    assert request["http.response.status_code"] == 101
    in_time = {"upgraded"} if name == "granian" else set()
    assert request["outcome"] in {outcome, *in_time}
    if outcome == "upgraded":
        assert request["websocket.close_code"] in (1000, 1001, 1012), request


WORKERS = {
    "gunicorn": (
        "gunicorn", "load_app:app", "-k", "uvicorn_worker.UvicornWorker", "-w", "4",
        "-b", "127.0.0.1:{port}",
    ),
    "uvicorn": ("uvicorn", "load_app:app", "--port", "{port}", "--workers", "4"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKERS)
def test_workers_share_one_file_that_is_rotated_once_at_a_time(
    serve: Any, tmp_path: Path, name: str
) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    limit = 64 << 10
    server = serve(
        *WORKERS[name],
        OFFLOOP_TEST_LOG=str(directory / "app.jsonl"),
        OFFLOOP_TEST_ROTATION=str(limit),
    )

    def files() -> list[Path]:
        return sorted(directory.iterdir())

    def lines() -> list[dict[str, Any]]:
        return [line for file in files() for line in read_lines(file)]

    def are_ready() -> bool:
        words = "Application startup complete"
        return sum(words in str(line["message"]) for line in lines()) == 4

    wait_for(are_ready, "the workers")

    def load(client: int) -> None:
        with httpx.Client(timeout=DEADLINE_S) as session:
            for number in range(150):
                assert session.get(server.url(f"/{client}-{number}")).status_code == 200
                if number % 25 == 24:
                    # Another worker may take the next.
                    session.headers["connection"] = "close"

    clients = [threading.Thread(target=load, args=(client,)) for client in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    server.stop()
    steps = Counter((line["key"], line["step"]) for line in lines() if line["target"] == "load")
    requests = Counter(line["url.path"] for line in lines() if line["target"] == "offloop::request")
    assert set(steps.values()) == {1} and len(steps) == 4 * 150 * 5
    assert set(requests.values()) == {1} and len(requests) == 4 * 150
    # The system gives each connection to whoever is first.
    assert 2 <= len({line["pid"] for line in lines() if line["target"] == "load"})
    sizes = [file.stat().st_size for file in files()]
    total = sum(sizes)
    # None is empty, none larger than allowed, and none was ended before it had to be.
    assert 0 < min(sizes) and max(sizes) <= limit, sizes
    assert len(sizes) <= total // (limit - LINE_BYTES_MAX) + 1, sizes


def test_gunicorn_s_signal_has_the_file_opened_anew(serve: Any, log: Path) -> None:
    server = serve(*SERVERS["gunicorn with its own ASGI worker"])
    server.get("/before")
    paths = lambda: [line.get("url.path") for line in read_lines(log)]  # noqa: E731
    wait_for(lambda: "/before" in paths(), "the first request's record, its last")
    old = log.with_suffix(".1")
    log.rename(old)
    server.process.send_signal(signal.SIGUSR1)
    server.get("/after")
    server.stop()
    assert "/after" in paths() and "/before" not in paths()
    assert "/before" in [line.get("url.path") for line in read_lines(old)]


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("has_class", [True, False])
def test_destructors_log_when_the_interpreter_comes_down(
    tmp_path: Path, log: Path, is_warm: bool, has_class: bool
) -> None:
    done = run_program(
        f"""
        import logging, offloop
        offloop.install({str(log)!r}, logger_class={has_class}, thread=True)
        keywords = offloop.get_logger("pool")
        logger = logging.getLogger("session")
        if {is_warm}:
            keywords.info("warm")
            logger.info("warm")

        class Failing(Exception):
            pass

        class Pool:
            def __del__(self):
                keywords.info("closed %s", "pool", size=3, all=[1, {{"a": 2}}])
                keywords.log(25, "at a level of its own", error=Failing("bad"))

        class Session:
            def __del__(self):
                logger.info("closed %s", "session", extra={{"size": 4}})
                try:
                    raise Failing("bad")
                except Failing:
                    logger.exception("failed")

        pool, session = Pool(), Session()
        # In a circle, they go later.
        pool.itself, session.itself = pool, session
        others = Pool(), Session()
        """,
        tmp_path,
    )
    assert not any(word in done.stderr for word in ("Exception", "Error", "panicked"))
    lines = [line for line in read_lines(log) if line["message"] != "warm"]
    counts = Counter((line["message"], line["thread"]) for line in lines)
    assert counts == {
        ("closed pool", "MainThread"): 2,
        ("at a level of its own", "MainThread"): 2,
        ("closed session", "MainThread"): 2,
        ("failed", "MainThread"): 2,
    }


def test_an_interpreter_within_the_process_is_refused_and_the_process_ends(
    tmp_path: Path, log: Path
) -> None:
    done = run_program(
        f"""
        import logging, offloop, sys
        offloop.install({str(log)!r})
        logging.info("main")
        if sys.version_info < (3, 13):
            import _xxsubinterpreters as interpreters
            other = interpreters.create(isolated=False)
        else:
            import _interpreters as interpreters
            other = interpreters.create("legacy")
        interpreters.run_string(other, '''if True:
            try:
                import offloop
            except ImportError as error:
                print(error)
        ''')
        """,
        tmp_path,
    )
    assert done.stdout.startswith("offloop runs in the main interpreter of a process alone")
    assert [line["message"] for line in read_lines(log)] == ["main"]
