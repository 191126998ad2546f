"""What is said of requests: the options that all adapters take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict

Time = float | str | timedelta


class RequestOptions(TypedDict, total=False):
    """Described at `offloop.asgi.RequestLog`."""

    announce: bool
    detail_bytes: int | str
    incoming_ids: Literal["accept", "ignore"]
    naming: Literal["opentelemetry", "ecs"]
    path: Literal["shown", "route_only"]
    propagation: Literal["w3c", "b3", "b3_multi"]
    query: Literal["off"] | Mapping[str, Sequence[str]]
    quiet: Sequence[str]
    request_headers: Sequence[str]
    response_headers: Sequence[str]
    routes: Sequence[Mapping[str, Any]]
    sample: float
    send_back: bool
    shorten_addresses: bool
    slow_after: Time
    slowest: float
    trusted_proxies: Mapping[str, str | Sequence[str]]
