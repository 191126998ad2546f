"""One record for each request of a WSGI application: Flask, Django, under gunicorn's sync workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from . import _offloop, _settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import RequestOptions

#: Where an application finds the request in its environment.
KEY = "offloop.request"


class RequestLog:
    """Writes one record for each request, and gives all records below it the request's ids.

    `app.wsgi_app = RequestLog(app.wsgi_app)`, or around the whole application. The options are those
    of `offloop.asgi.RequestLog`.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], **options: Unpack[RequestOptions]
    ) -> None:
        self.app = app
        self._log = _settings.request_log(options)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if KEY in environ:
            return self.app(environ, start_response)
        request = self._log.begin(
            environ["REQUEST_METHOD"],
            _path(environ),
            environ.get("QUERY_STRING") or None,
            environ.get("wsgi.url_scheme"),
            environ.get("SERVER_PROTOCOL", ""),
            _peer(environ),
            list(_headers(environ)),
        )
        environ[KEY] = request.context
        if not request.is_upload_over:
            environ["wsgi.input"] = _Input(environ["wsgi.input"], request)

        def start_noted(status: str, headers: list[Any], exc_info: Any = None) -> Callable[..., Any]:
            own = request.response_headers()
            names = {name for name, _ in own}
            headers = [header for header in headers if header[0].lower() not in names] + own
            request.head(int(status[:3]), headers)
            if exc_info is not None:
                request.context.add_error(exc_info[1])
                write = start_response(status, headers, exc_info)
            else:
                write = start_response(status, headers)

            def write_noted(data: bytes) -> Any:
                request.body(len(data))
                try:
                    result = write(data)
                except OSError:
                    # The transport refuses to take more.
                    request.disconnected()
                    raise
                request.sent()
                return result

            return write_noted

        try:
            body = self.app(environ, start_noted)
        except BaseException as error:
            # What the server says about it belongs to the request, so the context stays.
            request.failed(error)
            request.returned()
            raise
        return _Body(body, request)


class _Input:
    """The request's body, and how much of it was read."""

    def __init__(self, inner: Any, request: _offloop.Request) -> None:
        self._inner = inner
        self._request = request

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._inner.read() if size is None else self._inner.read(size)
        # No more than that, or less than was asked for: it is over.
        is_last = size is None or size < 0 or len(data) < size
        return self._noted(data, is_last)

    def readline(self, size: int | None = -1, /) -> bytes:
        line = self._inner.readline() if size is None else self._inner.readline(size)
        return self._noted(line, not line and size != 0)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return [self._noted(line, False) for line in self._inner.readlines(hint or -1)]

    def __iter__(self) -> Iterator[bytes]:
        for line in self._inner:
            yield self._noted(line, False)
        self._noted(b"", True)

    def _noted(self, data: bytes, is_last: bool) -> bytes:
        self._request.upload(len(data), is_last)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Body:
    """The response's body: its end is that of the request."""

    def __init__(self, inner: Iterable[bytes], request: _offloop.Request) -> None:
        self._inner = inner
        self._items: Iterator[bytes] | None = None
        self._request = request
        self._is_over = False

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        # Within, since an application's generator may only begin here, in another context.
        self._request.enter()
        try:
            if self._items is None:
                self._items = iter(self._inner)
            else:
                # Who asks for more has passed on what there was.
                self._request.sent()
            item = next(self._items)
        except StopIteration:
            self._is_over = True
            self._request.body_ended()
            raise
        except BaseException as error:
            self._request.failed(error)
            raise
        self._request.body(len(item))
        return item

    def close(self) -> None:
        """The server is done with it: at its end, or since the client has gone away."""
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._request.failed(error)
            raise
        finally:
            if not self._is_over:
                self._request.disconnected()
            self._request.returned()
            _offloop.leave()


def _path(environ: dict[str, Any]) -> str:
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw and raw.startswith("/"):
        return str(raw.split("?", 1)[0])
    return str(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))


def _peer(environ: dict[str, Any]) -> tuple[str, int] | None:
    host, port = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")
    return (host, int(port or 0)) if host else None


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield name.replace("_", "-").lower(), value
