"""What of the bytes that a server sends is the body of its response, as HTTP/1.1 frames it."""

from __future__ import annotations

import contextlib

Header = tuple[str, str]


def split(data: bytes) -> tuple[int, list[Header], bytes]:
    """The status and the headers that data begins with, and what comes behind them."""
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.split(":", 1) for line in lines)
    return int(first.split(" ")[1]), [(name.lower(), value.strip()) for name, value in headers], rest


class Body:
    """How much of a response's body was sent."""

    def __init__(self, headers: list[Header]) -> None:
        named = dict(headers)
        self._is_chunked = "chunked" in named.get("transfer-encoding", "")
        length = named.get("content-length", "")
        self._left = int(length) if length.isdecimal() else 0

    @property
    def is_over(self) -> bool:
        return not self._is_chunked and self._left <= 0

    def count(self, data: bytes) -> int:
        """How many bytes of the body are among those that are sent next: chunks come as a whole."""
        if self._is_chunked:
            # Nothing that is counted may keep a response from its client.
            with contextlib.suppress(ValueError):
                return self._count_chunks(data)
        self._left -= len(data)
        return len(data)

    def _count_chunks(self, data: bytes) -> int:
        count, start = 0, 0
        while start < len(data):
            end = data.index(b"\r\n", start)
            size = int(data[start:end], 16)
            if size == 0:
                self._is_chunked = False
                break
            count += size
            start = end + 2 + size + 2
        return count
