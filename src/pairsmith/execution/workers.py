"""Workers on this machine: fresh ("spawn") processes on pipes.

They end when their parent dies, even in the middle of a task, and one that dies is noticed at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from pairsmith.cores import usable_cores
from pairsmith.execution.recipe import Build, pack
from pairsmith.execution.serving import Event, Server


class LocalPool:
    """Processes that carry out one recipe each.

    Args:
        build: the recipe.
        workers: how many there will be, which share cores and GPUs.
        cuda: each sees one GPU alone, in turn.

    Raises:
        PairsmithError: as `recipe.pack`.
    """

    def __init__(self, build: Build, workers: int, cuda: bool = False) -> None:
        self._packed = pack(build)
        self._context = multiprocessing.get_context("spawn")
        self._pool: dict[int, tuple[Connection, BaseProcess]] = {}
        self._threads = max(1, usable_cores() // workers)
        self._gpus = _visible_gpus() if cuda else []

    def start(self, number: int) -> None:
        """Begin a worker; it will tell that it is ready."""
        mine, theirs = self._context.Pipe()
        gpu = self._gpus[number % len(self._gpus)] if self._gpus else None
        process: BaseProcess = self._context.Process(
            target=_serve, args=(self._packed, theirs, self._threads, gpu), daemon=True
        )
        process.start()
        theirs.close()
        self._pool[number] = (mine, process)

    def send(self, number: int, task: Any) -> None:
        """Give a worker that is ready a task."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it died, as `events` will tell
            self._pool[number][0].send(task)

    def events(self) -> list[tuple[int, Event]]:
        """What happened next: one event of every worker that has one; waits for the first."""
        heard = set(wait([connection for connection, _ in self._pool.values()]))
        return [(number, self._receive(number)) for number in list(self._pool) if self._pool[number][0] in heard]

    def _receive(self, number: int) -> Event:
        connection, process = self._pool[number]
        try:
            return connection.recv()
        except (EOFError, OSError):  # its end, also in the middle of what it told
            connection.close()
            process.join()
            del self._pool[number]
            return Event("died", f"exit code {process.exitcode}")

    def close(self) -> None:
        """End all workers, whatever they do."""
        for connection, process in self._pool.values():
            connection.close()
            process.terminate()
        for _, process in self._pool.values():
            process.join()
        self._pool.clear()


def _visible_gpus() -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _serve(packed: bytes, connection: Connection, threads: int, gpu: str | None) -> None:
    """A worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and it stops its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu

    def told(value: Any) -> None:
        _tell(connection, Event("told", value))

    server = Server(packed, told, threads)
    event = server.open()
    while _tell(connection, event) and event.kind != "raised":
        try:
            task = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        event = server.serve(task)


def _tell(connection: Connection, event: Event) -> bool:
    """Whether anybody is left to be told."""
    try:
        connection.send(event)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
