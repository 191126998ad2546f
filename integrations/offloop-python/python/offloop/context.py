"""Taking the current request along into threads.

asyncio's tasks, `asyncio.to_thread` and anyio's worker threads (so `def` endpoints, too) have it by
themselves. Executors and plain threads do not.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor

P = ParamSpec("P")
T = TypeVar("T")


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, to be called in another thread within the present context:
    `executor.submit(offloop.carry(work), job)`, `Thread(target=offloop.carry(work))`.

    It may be called several times, also at once.
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        # A context can be entered once at a time.
        return context.copy().run(function, *args, **kwargs)

    return within


async def run_in_executor(executor: Executor | None, function: Callable[P, T], /, *args: Any) -> T:
    """`loop.run_in_executor` that takes the context along."""
    # Only here: where it is loaded, `logging` asks it for the task's name with each record.
    import asyncio

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, functools.partial(carry(function), *args))
