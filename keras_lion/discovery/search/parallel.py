"""Evaluation in several processes, with the results of one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait

from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evolution import EvaluateAll, Fitness

# More threads than one a process would slow all of them down.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def evaluation_pool(fitness: Fitness, workers: int) -> Iterator[EvaluateAll]:
    """Processes that evaluate programs, for `Search(evaluate_all=…)`.

    Each process takes one program at a time. Values come back in the order of the
    programs, so that a search does not depend on who was faster. One worker is this
    process; for more the fitness must be picklable.
    """
    if workers < 1:
        raise ValueError(f"`workers` must be at least 1. Received: {workers}.")
    if workers == 1:
        yield lambda programs: [*map(fitness, programs)]
        return
    # A forked process would inherit the threads' locks of a loaded backend.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(fitness,)
    ) as pool:
        with _one_thread():
            # Processes start with their first work, and read these variables then.
            start = [pool.submit(os.getpid) for _ in range(workers)]
            for future in start:
                future.result()

        def evaluate_all(programs: Sequence[Program]) -> list[float]:
            return [*pool.map(_evaluate, programs)]

        yield evaluate_all


@contextmanager
def _one_thread() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_fitness: Fitness | None = None


def _begin(fitness: Fitness) -> None:
    global _fitness
    _fitness = fitness
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its children; each watches for itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _evaluate(program: Program) -> float:
    assert _fitness is not None
    return _fitness(program)
