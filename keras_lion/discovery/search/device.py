"""Many programs at once on an accelerator: programs as data of one compiled function.

Every value fills a register as long as all weights together; a scalar is repeated. No
program is compiled, and none needs a clock: they are no longer than `max_statements`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.discovery.language.abstract import Type, live
from keras_lion.discovery.language.execution import bound
from keras_lion.discovery.language.functions import FUNCTIONS
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.program_optimizer import KERAS
from keras_lion.discovery.search.evaluation import (
    GUARD_INTERVAL,
    LARGEST_WEIGHT,
    WORST,
    ProxyFitness,
    cosine,
)
from keras_lion.discovery.search.evolution import EvaluateAll
from keras_lion.discovery.search.network import Network
from keras_lion.discovery.search.program_table import (
    BRANCHES,
    CONSTANT,
    SLOTS,
    WEIGHTED_SUM,
    Branch,
    Table,
    table_of,
)
from keras_lion.discovery.search.proxies import Proxy, problem_of
from keras_lion.tuning import backend

BATCH_SIZE = 256  # programs that an accelerator runs at once

Tensor = Any


def device_evaluator(
    fitness: ProxyFitness, *, batch_size: int | None = None
) -> EvaluateAll:
    """Evaluates programs on the device of JAX, for `Search(evaluate_all=…)`.

    Values are those of `fitness` up to rounding: all is float32 here, scalars too. A
    long training amplifies that, so that a search is its own, not that of `fitness`.

    Args:
        fitness: Proxies and limits. Its time limit has no part in this.
        batch_size: Programs that run at once; fewer are filled up, so that a value does
            not depend on the company. 1 runs one branch after the other, a larger one
            all branches for every operation. Default: 1 on a CPU, else 256.

    Raises:
        ValueError: If the backend of Keras is not JAX.

    Example:

    ```python
    from keras_lion.discovery import ProxyFitness, device_evaluator, zoo

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    evaluate_all = device_evaluator(fitness)  # on KERAS_BACKEND=jax
    adamw, lion = evaluate_all([zoo.ADAMW, zoo.LION])
    assert abs(adamw - fitness(zoo.ADAMW)) < 1e-3
    ```
    """
    if (name := keras.backend.backend()) != "jax":
        raise ValueError(
            "Programs are evaluated on a device by the backend 'jax'. The active one "
            f"is '{name}'; set KERAS_BACKEND=jax."
        )
    if batch_size is None:
        batch_size = 1 if backend.runs_on_cpu() else BATCH_SIZE
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}.")
    size = fitness.max_statements
    score_all = [
        _scorer(proxy, fitness.learning_rate, size, batch_size)
        for proxy in fitness.proxies
    ]

    def evaluate_all(programs: Sequence[Program]) -> list[float]:
        tables = {
            position: table_of(program, size)
            for position, program in enumerate(programs)
            if len(live(program)) <= size
        }
        totals = dict.fromkeys(tables, 0.0)
        for scores in score_all:
            found = scores([tables[position] for position in totals])
            totals = {
                position: total + score
                for (position, total), score in zip(totals.items(), found, strict=True)
                if score != WORST
            }
        count = len(score_all)
        return [
            totals[position] / count if position in totals else WORST
            for position in range(len(programs))
        ]

    return evaluate_all


def _scorer(
    proxy: Proxy, learning_rate: float, size: int, batch_size: int
) -> Callable[[Sequence[Table]], list[float]]:
    """The function of tables to scores on one proxy; it is compiled once."""
    problem = problem_of(proxy)
    data = [
        ops.convert_to_tensor(array, "float32")
        for array in (
            problem.weights,
            problem.x,
            problem.y,
            learning_rate * np.asarray(cosine(proxy.steps)),
            problem.x_validation,
            problem.y_validation,
        )
    ]
    batched = batch_size > 1
    loss = _loss_after_training(problem.network, size, batched)

    def losses(tables: Sequence[Tensor], length: Tensor, *data: Tensor) -> Tensor:
        return ops.vectorized_map(lambda table: loss(table, length, *data), tables)

    run = backend.compile_function(losses if batched else loss)

    def scores(tables: Sequence[Table]) -> list[float]:
        found: list[Tensor] = []
        for first in range(0, len(tables), batch_size):
            chunk = [*tables[first : first + batch_size]]
            if batched:
                chunk += [chunk[0]] * (batch_size - len(chunk))
                *columns, lengths = map(np.stack, zip(*chunk, strict=True))
                found.append(run(columns, lengths.max(), *data))
            else:
                *columns, length = chunk[0]
                found.append(run(columns, length, *data))
        values = [x for each in found for x in np.ravel(each).tolist()]
        results = [1.0 - loss / problem.initial_loss for loss in values[: len(tables)]]
        return [score if math.isfinite(score) else WORST for score in results]

    return scores


def _loss_after_training(
    network: Network, size: int, batched: bool
) -> Callable[..., Tensor]:
    """The function of a table and a problem's arrays to the validation loss, or NaN."""
    branches = [_of_registers(branch, network.sizes) for branch in BRANCHES]

    def gradient(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
        _, _, (found,) = backend.value_and_gradients(
            lambda vectors: (_loss(network, vectors[0], x, y), ()), [weights]
        )
        return found

    def run(
        table: Sequence[Tensor],
        length: Tensor,
        start: Tensor,
        x: Tensor,
        y: Tensor,
        rates: Tensor,
        x_validation: Tensor,
        y_validation: Tensor,
    ) -> Tensor:
        numbers, targets, read, constants = table
        steps = len(x)

        def operation(row: Tensor, registers: Tensor) -> Tensor:
            value = ops.switch(
                numbers[row], branches, registers, read[row], constants[row]
            )
            return ops.slice_update(registers, (targets[row], 0), value[None])

        def step(number: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            weights, registers = state
            rate = ops.full_like(weights, rates[number])
            inputs = ops.stack([weights, gradient(weights, x[number], y[number]), rate])
            registers = ops.slice_update(registers, (0, 0), inputs)
            registers = ops.fori_loop(0, length, operation, registers)
            return weights - registers[SLOTS["update"]], registers

        def steps_to_the_next_look(number: Tensor, state: Any) -> Any:
            first = number * GUARD_INTERVAL
            last = ops.minimum(first + GUARD_INTERVAL, steps)

            def go_on() -> Any:
                return ops.fori_loop(first, last, step, state)

            sane = _is_sane(state[0])
            if not batched:
                return ops.cond(sane, go_on, lambda: state)
            # A condition would copy the problem's arrays for each program of a batch.
            weights, registers = go_on()
            return ops.where(sane, weights, state[0]), registers

        registers = ops.zeros((len(SLOTS) + size, network.num_weights))
        looks = -(-steps // GUARD_INTERVAL)
        weights, _ = ops.fori_loop(0, looks, steps_to_the_next_look, (start, registers))
        loss = _loss(network, weights, x_validation, y_validation)
        return ops.where(_is_sane(weights), loss, np.nan)

    return run


def _is_sane(weights: Tensor) -> Tensor:
    # No comparison holds for NaN.
    return ops.max(ops.abs(weights)) <= LARGEST_WEIGHT


def _loss(network: Network, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`Network.loss` in Keras operations."""
    h = x
    with backend.float32_products():
        for layer, matrix in enumerate(network.tensors(weights)):
            if layer and not network.linear:
                h = ops.relu(h)
            # Scaled first: XLA would fuse scaling logits with taking off the largest,
            # rounded, so that what is left of large ones could be above 0.
            h = ops.matmul(h, matrix * network.scales[layer])
    return -ops.mean(ops.sum(y * ops.log_softmax(h), axis=1))


def _of_registers(branch: Branch, sizes: Sequence[int]) -> Callable[..., Tensor]:
    """A branch as a function of all registers, slots to read, and constants."""
    function, types = branch
    count = len(FUNCTIONS[function].parameters) if branch != WEIGHTED_SUM else 4

    def run(registers: Tensor, read: Tensor, constants: Tensor) -> Tensor:
        arguments = [
            ops.where(read[i] == CONSTANT, constants[i], registers[read[i]])
            for i in range(count)
        ]
        if branch == WEIGHTED_SUM:
            x, y, a, b = arguments
            return a * x + b * y
        if not types:
            return KERAS.elementwise[function](*arguments)
        values = [
            _unpacked(argument, kind, sizes)
            for argument, kind in zip(arguments, types, strict=True)
        ]
        return _packed(bound(function, types, KERAS)(*values), sizes)

    return run


def _unpacked(register: Tensor, kind: Type, sizes: Sequence[int]) -> Any:
    """The value that fills a register: a scalar or a list of leaves."""
    if kind == "scalar":
        return register[0]
    ends = np.cumsum(sizes).tolist()
    if kind == "tensor":
        return [
            register[end - size : end] for end, size in zip(ends, sizes, strict=True)
        ]
    return [register[end - 1] for end in ends]


def _packed(value: Any, sizes: Sequence[int]) -> Tensor:
    """A register that a value fills."""
    if not isinstance(value, list):
        return ops.broadcast_to(value, (sum(sizes),))
    leaves = zip(value, sizes, strict=True)
    return ops.concatenate([ops.broadcast_to(leaf, (size,)) for leaf, size in leaves])
