"""A Sanic application that answers in all the ways that it can, and fails in some."""

import asyncio
import logging
import os
from pathlib import Path

import offloop
import offloop.sanic
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, file_stream, text

offloop.install(os.environ["OFFLOOP_TEST_LOG"])
log = logging.getLogger("stream")
app = Sanic("stream")
offloop.sanic.setup(app)

PART = "0123456789"
ERRORS = {"error": RuntimeError, "os": ConnectionError, "sanic": NotFound}


@app.get("/chunked", name="chunked")
async def chunked(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for number in range(5):
        await response.send(PART)
        log.info("part %d", number)
    await response.eof()


@app.get("/declared")
async def declared(request: Request) -> None:
    response = await request.respond(headers={"content-length": "30"})
    for number in range(3):
        log.info("part %d", number)
        await response.send(PART)


@app.get("/last")
async def all_but_the_last_is_empty(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    await response.send("")
    await response.send("0\r\n\r\n", end_stream=True)


@app.get("/file")
async def from_file(request: Request) -> HTTPResponse:
    return await file_stream(Path(__file__), chunk_size=100)


@app.get("/text")
async def at_once(request: Request) -> HTTPResponse:
    return text(PART)


@app.get("/refused")
async def refused(request: Request) -> None:
    response = await request.respond(status=503, content_type="text/plain")
    await response.send(PART)
    await response.send(PART)
    await response.eof()


@app.post("/continued")
async def continued(request: Request) -> HTTPResponse:
    return text(PART)


@app.get("/fails/<kind>")
async def fails(request: Request, kind: str) -> None:
    response = await request.respond(content_type="text/plain")
    for _ in range(3):
        await response.send(PART)
    raise ERRORS[kind]("on purpose")


@app.get("/stays")
async def stays(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    await response.send(PART)
    await asyncio.Event().wait()


@app.get("/waits")
async def waits(request: Request) -> None:
    log.info("waits")
    await asyncio.Event().wait()
