"""A directory for the pages of a measured process, so that it neither finds nor leaves any."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[dict[str, str]]:
    """The environment for a process of its own."""
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as directory:
        yield {**os.environ, "XDG_RUNTIME_DIR": directory, **variables}
