"""Adapter to Dask: its executor's client, the scheduler's metadata, and tasks that are sent together.

Dask's executor hides its client behind private attributes, named here and nowhere else. If one of them is gone,
`test_private_attributes_of_dasks_executor` names it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

CLIENT, WRAPPED, OPTIONS = "_client", "_wrap_future", "_kwargs"
"""Private attributes of `distributed.cfexecutor.ClientExecutor`: client, conversion of a future, options of tasks."""


def client_of(executor: object) -> Any:
    """Return Dask's client, which knows the workers and the scheduler; None for other executors."""
    return getattr(executor, CLIENT, None)


def workers_of(client: Any) -> int:
    """Return the number of tasks that a client's workers run at a time; 0 if it is unknown at the moment."""
    try:
        return sum(client.nthreads().values())
    except Exception:  # without a scheduler it raises errors of many types
        return 0


def is_lost(client: Any) -> bool:
    """Return True if the client has no scheduler: its tasks are cancelled then, and one sent later never ends.

    It tries to connect again for as long as its own timeout says, and closes after that.
    """
    return bool(client.status != "running")


def submitted(executor: Executor, function: Callable[..., T], given: Sequence[Sequence[Any]]) -> list[Future[T]]:
    """Submit one task for each tuple of arguments and return the futures.

    Dask's executor sends tasks one by one; its client is used instead.
    """
    if client_of(executor) is None:
        return [executor.submit(function, *each) for each in given]
    # pure=False: Dask would merge two tasks with the same arguments. The first task raises if the executor is closed.
    first = executor.submit(function, *given[0], pure=False)
    wrapped = getattr(executor, WRAPPED, None)
    if wrapped is None or len(given) == 1:
        return [first, *(executor.submit(function, *each, pure=False) for each in given[1:])]
    options = getattr(executor, OPTIONS, {}) | {"pure": False}
    return [first, *map(wrapped, client_of(executor).map(function, *zip(*given[1:], strict=True), **options))]


def leave_with_scheduler(client: Any, digest: str, content: bytes | None) -> None:
    """Put studies into the metadata of the scheduler, for workers that come later, or remove them with None."""
    with suppress(Exception):  # without a scheduler, sending a task raises the error
        if client.status == "running":
            client.set_metadata(_place_of(digest), content)


def left_with_scheduler(digest: str) -> bytes | None:
    """Return the studies that a client left with the scheduler under their digest; None without Dask.

    Without them, a worker that joins a run would return all waiting tasks at once, undone.
    """
    dask = sys.modules.get("distributed")
    try:
        if dask is None or dask.get_worker() is None:
            return None
        content: bytes | None = dask.get_client().get_metadata(_place_of(digest), default=None)
    except (ValueError, OSError, RuntimeError):  # without a worker, connection or client, the studies are sent again
        return None
    return content


def _place_of(digest: str) -> list[str]:
    return ["bnstats", digest]
