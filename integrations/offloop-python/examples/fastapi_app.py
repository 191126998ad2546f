"""uvicorn fastapi_app:app"""

import logging
import os

import offloop
from fastapi import FastAPI
from offloop.asgi import RequestLog

offloop.install(os.environ.get("OFFLOOP_TEST_LOG", "logs/app.jsonl"))
api = FastAPI()


@api.get("/users/{user}")
async def user(user: int) -> dict[str, int]:
    logging.getLogger("shop").info("looked up", extra={"user": user})
    return {"user": user}


app = RequestLog(api)
