"""A FastAPI application that measures how late its event loop is."""

import asyncio
import contextlib
import logging
import os
import time

import offloop
from fastapi import FastAPI
from offloop.asgi import RequestLog

offloop.install(os.environ["OFFLOOP_TEST_LOG"])
log = logging.getLogger("stall")
worst_ms = 0.0


async def measure() -> None:
    global worst_ms
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        worst_ms = max(worst_ms, (time.perf_counter() - before - 0.005) * 1000)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI):
    task = asyncio.create_task(measure())
    yield
    task.cancel()


api = FastAPI(lifespan=lifespan)


def log_five() -> None:
    for step in range(5):
        log.info("step", extra={"step": step, "pad": "x" * 200})


@api.get("/async")
async def in_async() -> str:
    log_five()
    return "ok"


@api.get("/sync")
def in_thread() -> str:
    log_five()
    return "ok"


@api.get("/drift")
async def drift() -> float:
    return worst_ms


@api.get("/lost")
async def lost() -> int:
    return offloop.stats()["lost"]


app = RequestLog(api)
