"""`discovery`: programs per second of the interpreter of the program search."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from studies.performance.accelerator_parts.measurement import Measurement, Sizes

COLUMNS = ("programs_per_second", "first_seconds", "programs")
PROXY = "heavy_tailed_logistic"
IN_NUMPY = 8  # programs, one after the other
MUTATIONS = 5


def measurements(sizes: Sizes) -> list[Measurement]:
    """NumPy one program at a time, then the device with every number at once."""
    found = [Measurement("NumPy / 1 at a time", in_numpy)]
    return found + [
        Measurement(f"device / {size} at once", partial(on_device, size))
        for size in sizes.programs
    ]


def children(count: int) -> list[Any]:
    """Programs that are some mutations away from AdamW."""
    from keras_lion.discovery import zoo
    from keras_lion.discovery.search.mutation import mutate

    generator = np.random.default_rng(0)
    found = []
    for _ in range(count):
        program = zoo.ADAMW
        for _ in range(MUTATIONS):
            program = mutate(program, generator)
        found.append(program)
    return found


def in_numpy() -> dict[str, Any]:
    """The search without a device."""
    from keras_lion.discovery import ProxyFitness

    fitness = ProxyFitness.named(PROXY)
    programs = children(IN_NUMPY)
    started = time.perf_counter()
    for program in programs:
        fitness(program)
    seconds = time.perf_counter() - started
    return {"programs_per_second": IN_NUMPY / seconds, "programs": IN_NUMPY}


def on_device(size: int) -> dict[str, Any]:
    """So many programs in one call; the first call compiles."""
    from keras_lion.discovery import ProxyFitness, device_evaluator

    evaluate_all = device_evaluator(ProxyFitness.named(PROXY), batch_size=size)
    programs = children(size)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        evaluate_all(programs)
        seconds.append(time.perf_counter() - started)
    return {
        "programs_per_second": size / seconds[1],
        "first_seconds": seconds[0],
        "programs": size,
    }
