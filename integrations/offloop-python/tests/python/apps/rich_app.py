"""A FastAPI application with everything whose records must know their request."""

import asyncio
import logging
import os

import offloop
from fastapi import BackgroundTasks, FastAPI, WebSocket
from offloop.asgi import RequestLog
from sqlalchemy import create_engine, text

offloop.install(os.environ["OFFLOOP_TEST_LOG"], process=True)
logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)

api = FastAPI()
log = logging.getLogger("rich")
engine = create_engine("sqlite://")


@api.get("/async/{number}")
async def in_async(number: int) -> str:
    for step in range(5):
        log.info("async", extra={"number": number, "step": step})
    return "ok"


@api.get("/sync/{number}")
def in_thread(number: int) -> str:
    for step in range(5):
        log.info("sync", extra={"number": number, "step": step})
    return "ok"


@api.get("/background")
async def in_background(tasks: BackgroundTasks) -> str:
    tasks.add_task(log.info, "background")
    return "ok"


@api.get("/raises")
async def raises() -> str:
    raise ValueError("on purpose")


@api.get("/sql")
async def sql() -> str:
    with engine.connect() as connection:
        connection.execute(text("select 42"))
    return "ok"


@api.get("/executor")
async def in_executor() -> str:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, offloop.carry(log.info), "carried")
    await offloop.run_in_executor(None, log.info, "helped")
    await asyncio.to_thread(log.info, "to_thread")
    return "ok"


@api.get("/added")
async def added() -> str:
    offloop.add("plan", "gold")
    offloop.add("rows", 3)
    return "ok"


@api.get("/slow")
async def slow() -> str:
    await asyncio.sleep(30)
    return "ok"


@api.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    log.info("socket %s", await websocket.receive_text())
    await websocket.send_text("pong")
    await websocket.close()


app = RequestLog(api)
