"""Worker processes that each build their function once and then serve tasks until there are none.

Fresh ("spawn") processes on pipes: workers end when their parent dies, even in the middle of a task, and a worker that
dies is noticed at once instead of leaving its task waiting.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import Any, TypeVar

from pairsmith.errors import PairsmithError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_workers(
    build: Callable[[], Callable[[Task], Result]], tasks: Iterable[Task], workers: int
) -> Generator[Result, None, None]:
    """The results of all tasks, as they are finished; tasks are drawn only when a worker is free.

    Args:
        build: makes the function in each worker; picklable.
        tasks: picklable, none of them None.
        workers: number of processes.

    Raises:
        PairsmithError: `build` cannot be pickled, or a worker process died.
        Exception: whatever `build` or the function raised in a worker; the other workers are stopped.
    """
    context = multiprocessing.get_context("spawn")
    queue = iter(tasks)
    pool: dict[Connection, BaseProcess] = {}
    try:
        for task in islice(queue, workers):
            mine, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_serve, args=(build, theirs), daemon=True)
            _start(process)
            pool[mine] = process
            theirs.close()
            _send(mine, task)
        while pool:
            for connection in wait(list(pool)):
                assert isinstance(connection, Connection)
                yield _receive(connection, pool[connection])
                for task in islice(queue, 1):
                    _send(connection, task)
                    break
                else:
                    connection.close()
                    pool.pop(connection).join()
    finally:
        for connection, process in pool.items():
            connection.close()
            process.terminate()
            process.join()


def _start(process: BaseProcess) -> None:
    try:
        process.start()
    except (PicklingError, AttributeError, TypeError) as error:
        raise PairsmithError(f"work for several workers must consist of functions of a module ({error})") from error


def _send(connection: Connection, task: Any) -> None:
    try:
        connection.send(task)
    except (BrokenPipeError, ConnectionResetError):
        return  # the worker died; `_receive` reads why, or that it is gone


def _receive(connection: Connection, process: BaseProcess) -> Any:
    try:
        good, value = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        process.join()
        raise PairsmithError(
            f"a worker process died (exit code {process.exitcode}): finished shards are kept"
        ) from error
    if not good:
        raise value
    return value


def _serve(build: Callable[[], Callable[[Any], Any]], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and it stops its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function = build()
        while (task := _next_task(connection)) is not None:
            _tell(connection, True, function(task))
    except Exception as error:
        _tell(connection, False, _sendable(error))


def _next_task(connection: Connection) -> Any:
    """The next task; None when the parent has no more, or is gone."""
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        return None


def _tell(connection: Connection, good: bool, value: Any) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone, and nobody is left to be told
        connection.send((good, value))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error if it survives pickling, else one that says the same."""
    try:
        copy = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        copy = None
    return error if type(copy) is type(error) else PairsmithError(f"{type(error).__name__} in a worker: {error}")
