"""What following requests costs beside BaseHTTPMiddleware that does nothing: `python benches/middleware.py`.

Drives a Starlette application by ASGI's events, without sockets. Ratios within one run are what counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import offloop
from offloop.asgi import RequestLog
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

REQUESTS = 5_000
ROUNDS = 5


async def hello(_):
    return PlainTextResponse("hello")


class Base(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


def scope() -> dict:
    headers = [(b"host", b"localhost"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }


async def measure(app) -> float:
    never = asyncio.Event()

    async def receive():
        await never.wait()

    async def send(_):
        pass

    began = time.perf_counter()
    for _ in range(REQUESTS):
        await app(scope(), receive, send)
    return (time.perf_counter() - began) / REQUESTS * 1e6


def main() -> None:
    offloop.install(Path(tempfile.mkdtemp()) / "log")
    plain = Starlette(routes=[Route("/", hello)])
    apps = {"plain": plain, "RequestLog": RequestLog(plain), "BaseHTTPMiddleware": Base(plain)}
    rounds = {name: [] for name in apps}
    for _ in range(ROUNDS):
        for name, app in apps.items():
            rounds[name].append(asyncio.run(measure(app)))
    middle = {name: statistics.median(times) for name, times in rounds.items()}
    for name, time_us in middle.items():
        print(f"{name:20}{time_us:8.1f} us a request{time_us - middle['plain']:+8.1f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        main()
    else:
        subprocess.run([sys.executable, __file__, "measure"], check=True)
