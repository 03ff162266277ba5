"""How much memory does the state of an optimizer take?

Question   "Lion needs half of AdamW's optimizer state." And of all that training keeps?
Command    python studies/performance/optimizer_state.py
Duration   seconds
Result     studies/results/performance/optimizer_state.json (2026-11-21): half of it,
           and a quarter with a momentum in bfloat16. With weights and gradients Lion
           needs 0.75 of what AdamW needs, and 0.625.

Counted from the optimizer's variables after one step, not from the process. `training`
adds the weights and one gradient for each of them, all in float32; what activations
take is left out, and depends on the batch.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from keras_lion import Lion
from keras_lion.tuning.tasks import get_task
from studies import claims

OUTPUT = claims.RESULTS / "performance" / "optimizer_state.json"
TASKS = {
    "mlp": "mnist1d_mlp",
    "vision_transformer": "fashion_mnist_vit",
    "language_model": "python_lm",
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "lion": Lion,
    "lion_bfloat16": lambda: Lion(momentum_dtype="bfloat16"),
    "keras_lion": keras.optimizers.Lion,
    "adamw": keras.optimizers.AdamW,
}


def bytes_of(variables: Sequence[Any]) -> int:
    """Bytes of the values of some variables, of dtypes such as float32 or int64."""
    bits = [int(re.sub(r"\D", "", str(v.dtype))) for v in variables]
    sizes = [math.prod(v.shape) for v in variables]
    return sum(n * b // 8 for n, b in zip(sizes, bits, strict=True))


def state_bytes(model: Any, make: Callable[[], Any]) -> int:
    """Bytes of an optimizer's variables after one step of a model."""
    optimizer = make()
    variables = model.trainable_variables
    optimizer.apply([keras.ops.zeros(v.shape, v.dtype) for v in variables], variables)
    return bytes_of(optimizer.variables)


def measure(name: str, model: Any) -> dict[str, claims.Entry]:
    """The claims of one model: bytes, and bytes over AdamW's."""
    weights = bytes_of(model.trainable_variables)
    states = {key: state_bytes(model, make) for key, make in OPTIMIZERS.items()}
    found = {f"{name}.weights": claims.exact(weights, "bytes", digits=12)}
    for key, state in states.items():
        found[f"{name}.state.{key}"] = claims.exact(state, "bytes", digits=12)
        if key != "adamw":
            ratio = state / states["adamw"]
            found[f"{name}.state.{key}_to_adamw"] = claims.exact(ratio, "ratio")
            ratio = (2 * weights + state) / (2 * weights + states["adamw"])
            found[f"{name}.training.{key}_to_adamw"] = claims.exact(ratio, "ratio")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    found: dict[str, claims.Entry] = {}
    for name, task in TASKS.items():
        found |= measure(name, get_task(task).model())
    claims.keep(options.output, found)
    claims.show(found)


if __name__ == "__main__":
    main()
