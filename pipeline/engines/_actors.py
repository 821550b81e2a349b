"""Ray actors as a crew: one thread here waits for each of them."""

from __future__ import annotations

import math
import os
import queue
import sys
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pipeline.engines import WORKER
from pipeline.engines._attempt import Attempt, attempt
from pipeline.engines._crew import environment, threads_of
from pipeline.engines._guard import MARK, guard
from pipeline.engines._limits import package

_STORE = 80 * 2**20
"""Memory of a local object store [bytes], the least that Ray takes: what jobs return is small."""

_inherited: dict[str, str] = {}
"""Variables that a Ray of ours was started with."""


class Actors:
    """Actors that do one job at a time each, and stay for the next: kernels and models are loaded once."""

    patience = math.inf
    """A cluster may take its time to find room for an actor; losses are told by Ray."""

    def __init__(
        self, address: str, workers: int, cores: int, threads: int, cpus: float, gpus: float, time_limit: float
    ):
        self.time_limit = time_limit
        self._address, self._workers, self._cores = address, workers, cores
        self._options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0, "max_concurrency": 1}
        self._threads = threads
        self._waiting: queue.SimpleQueue[tuple[bytes, Future[Attempt]] | None] = queue.SimpleQueue()
        self._serving: list[threading.Thread] = []
        self._hired: dict[int, Any] = {}
        self._closed = threading.Event()

    @property
    def size(self) -> int:
        """As many as were asked for, or as many as the cluster has room for."""
        return self._workers or max(
            1, int(self._ray.cluster_resources().get("CPU", 1) / (self._options["num_cpus"] or 1))
        )

    @property
    def healthy(self) -> bool:
        """Whether this process is still in touch with Ray."""
        return not self._serving or bool(self._ray.is_initialized())

    def hand(self, packed: bytes) -> Future[Attempt]:
        """Give a packed job to whoever is free next."""
        if not self._serving:
            self._join()
            self._closed.clear()
            self._serving = [threading.Thread(target=self._serve, args=(one,), daemon=True) for one in range(self.size)]
            for thread in self._serving:
                thread.start()
        future: Future[Attempt] = Future()
        self._waiting.put((packed, future))
        return future

    def dismiss(self) -> None:
        """End all actors; a local Ray stays for the next stage and ends with this process."""
        self._closed.set()
        for _ in self._serving:
            self._waiting.put(None)
        for actor in list(self._hired.values()):
            self._kill(actor)
        for thread in self._serving:
            thread.join(timeout=30)
        self._serving, self._hired, self._waiting = [], {}, queue.SimpleQueue()

    @property
    def _ray(self) -> Any:
        return package("ray", "ray")

    def _join(self) -> None:
        """Be in touch with a cluster, or start a Ray of our own on this machine that leaves nothing behind."""
        # Ray reads both when it is imported: no token in the home folder, no report to its makers.
        if not self._address:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray = self._ray
        if ray.is_initialized():
            return
        if self._address:
            ray.init(address=self._address, log_to_driver=False)
            return
        folder = Path(tempfile.mkdtemp(prefix="qs"))  # short: sockets below it may have 107 characters
        guard(folder)
        cores = max(self._cores, math.ceil(self._workers * self._options["num_cpus"]))
        _inherited.update(self._variables())
        with environment({**_inherited, MARK: str(folder)}):
            ray.init(
                num_cpus=cores,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=_STORE,
                _temp_dir=str(folder),
            )

    def _serve(self, number: int) -> None:
        """Have actor `number` do jobs until there are no more; a dead one is replaced when the next job comes."""
        while not self._closed.is_set() and (item := self._waiting.get()) is not None:
            packed, future = item
            try:
                future.set_result(self._done(number, packed))
            except Exception as error:
                self._kill(self._hired.pop(number, None))
                future.set_exception(error)

    def _done(self, number: int, packed: bytes) -> Attempt:
        ray = self._ray
        if number not in self._hired:
            self._hired[number] = actor = self._hire(number)
            if self._closed.is_set():  # `dismiss` may not have seen it
                raise RuntimeError("the crew was dismissed")
            ray.get(actor.ready.remote())  # its start is not the job's time
        try:
            return ray.get(self._hired[number].attempt.remote(packed), timeout=self.time_limit)  # type: ignore[no-any-return]
        except ray.exceptions.GetTimeoutError as error:
            raise TimeoutError from error
        except ray.exceptions.RayActorError as error:
            raise RuntimeError(_reason(str(error))) from error

    def _variables(self) -> dict[str, str]:
        """The environment of an actor: threads, where its modules are, all GPUs where it has none of its own."""
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        return {**threads_of(self._threads), "PYTHONPATH": paths, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

    def _hire(self, number: int) -> Any:
        variables = self._variables()
        # What a Ray of ours inherits, its processes have from birth; one with an environment of its own starts slowly.
        own = {} if variables == _inherited else {"runtime_env": {"env_vars": variables}}
        return self._ray.remote(_Actor).options(**self._options, **own).remote(number, os.getcwd())

    def _kill(self, actor: Any) -> None:
        if actor is not None and self._ray.is_initialized():
            self._ray.kill(actor)


class _Actor:
    """What lives in a worker process of Ray."""

    def __init__(self, number: int, folder: str) -> None:
        os.environ[WORKER] = str(number)
        os.chdir(folder)  # paths of runs are often relative

    def ready(self) -> None:
        """Nothing but an answer."""

    def attempt(self, packed: bytes) -> Attempt:
        """Do a packed job."""
        return attempt(packed)


def _reason(told: str) -> str:
    """What Ray knows of the end of an actor, without its paragraphs of advice."""
    lines = [line.strip() for line in told.splitlines()]
    return next(
        (line for line in lines if line.startswith(("Worker exit", "The actor died"))), lines[0] if lines else ""
    )
