"""Workers on a Ray cluster: actors that carry out one recipe each. Nodes must see the store under the same path.

Where no cluster is named (RAY_ADDRESS), Ray is started on this machine for the time of the run. Actors that wait for a
place in the cluster make Ray's autoscaler add nodes; tasks are given only to actors that are ready.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pairsmith.errors import InputError
from pairsmith.execution.recipe import Build, pack
from pairsmith.execution.serving import Event, Server

logger = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds without a worker after which the user is told what is waited for
_STORE_BYTES = 96 * 2**20  # only recipes and names of shards go through Ray's object store

# Of a Ray that is started for one run, unless the user has said otherwise. Workers keep the priority that the user gave
# this program (Ray would put them behind everything else on the machine), and nobody is there to look at metrics.
_SETTINGS = {
    "RAY_worker_niceness": "0",
    "RAY_enable_metrics_collection": "false",
    "RAY_task_events_report_interval_ms": "0",
}


def _unheard(value: Any) -> None:
    """An actor tells of whole shards only."""


class _Actor:
    """Runs inside Ray."""

    def __init__(self, packed: bytes) -> None:
        self._server = Server(packed, _unheard)

    def open(self) -> Event:
        return self._server.open()

    def serve(self, task: Any) -> Event:
        return self._server.serve(task)


class RayPool:
    """Actors.

    Args:
        build: the recipe.
        workers: how many there will be at most.
        cuda: each gets a GPU of its own from Ray.

    Raises:
        InputError: Ray is not installed, its cluster cannot be reached, or no GPU is where it was started for this run.
        PairsmithError: as `recipe.pack`.
    """

    def __init__(self, build: Build, workers: int, cuda: bool = False) -> None:
        check_ray()
        import ray
        from ray import cloudpickle

        self._packed = pack(build, cloudpickle.dumps)  # actors do not know what stands in the driver's own script
        self._ray = ray
        self._began = not ray.is_initialized()
        if self._began:
            _begin(workers, cuda)
        self._class: Any = ray.remote(num_cpus=1, num_gpus=1 if cuda else 0, max_restarts=0)(_Actor)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}  # call -> worker
        self._opened = False  # whether any worker was heard of

    def start(self, number: int) -> None:
        """Ask for an actor; it will tell that it is ready once it has a place."""
        actor = self._class.remote(self._packed)
        self._actors[number] = actor
        self._pending[actor.open.remote()] = number

    def send(self, number: int, task: Any) -> None:
        """Give an actor that is ready a task."""
        self._pending[self._actors[number].serve.remote(task)] = number

    def events(self) -> list[tuple[int, Event]]:
        """What happened next; waits for it."""
        ready: list[Any] = []
        while not ready:
            ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=_PATIENCE)
            if not ready and not self._opened:
                logger.warning("no worker has found a place in the Ray cluster yet; still waiting for one")
        self._opened = True
        found = []
        for call in ready:
            number = self._pending.pop(call)
            try:
                event = self._ray.get(call)
            except self._ray.exceptions.RayTaskError:
                raise  # a fault of the program
            except self._ray.exceptions.RayError as error:  # the actor, its node, or its memory
                del self._actors[number]
                event = Event("died", str(error).strip().splitlines()[0])
            found.append((number, event))
        return found

    def close(self) -> None:
        """End all actors, and Ray where it was started for them."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._pending.clear()
        if self._began:
            self._ray.shutdown()


def check_ray() -> None:
    """
    Raises:
        InputError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError("the executor ray needs Ray: pip install 'pairsmith[ray]'")


def _begin(workers: int, cuda: bool) -> None:
    """Join the cluster of RAY_ADDRESS, or start one of as many cores as there are workers.

    Raises:
        InputError: it cannot be used, or is this machine alone, which has no GPU.
    """
    import ray

    own: dict[str, Any] = {}
    if "RAY_ADDRESS" not in os.environ:
        own = {"address": "local", "num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        with _environment(_SETTINGS if own else {}):
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        where = os.environ.get("RAY_ADDRESS", "on this machine")
        raise InputError(f"Ray ({where}) cannot be used: {str(error).strip().splitlines()[0]}") from error
    if cuda and not ray.cluster_resources().get("GPU"):
        if own:  # nobody will add one, and actors would wait for ever
            ray.shutdown()
            raise InputError(
                "Ray finds no GPU on this machine: use --device cpu, or name a cluster that has some in RAY_ADDRESS"
            )
        logger.warning("the Ray cluster has no GPU yet: workers wait until a node with one joins it")


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables for the processes that are started inside, where they have no value yet."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
