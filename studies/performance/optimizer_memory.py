"""How much memory do optimizers take?

Question   "Lion needs half of AdamW's optimizer state." And of all that training keeps?
Command    python studies/performance/optimizer_memory.py
           python studies/performance/optimizer_memory.py --backend tensorflow
Duration   two minutes each on 2 cores
Result     studies/results/performance/optimizer_memory.json, the table of the README

State is counted from the optimizer's variables after one step: bytes a weight, of the
project's models and of a large network. `training` adds the weights and one gradient
for each of them, all in float32; activations are left out, and depend on the batch.

`peak` is measured: the most that a process, or a GPU, holds during three training steps
of the large network (37 million weights, a batch of 8), less what it held before the
model was built. Each optimizer has a process of its own. What was needed to compile
the step is not counted.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from studies import claims

OUTPUT = claims.RESULTS / "performance" / "optimizer_memory.json"
BACKENDS = ("jax", "tensorflow")
TASKS = {
    "mlp": "mnist1d_mlp",
    "vision_transformer": "fashion_mnist_vit",
    "language_model": "python_lm",
}
OPTIMIZERS = ("lion", "lion_bfloat16", "lion_int8", "keras_lion", "adamw")
LARGE, WIDTH, LAYERS = "large_network", 3_000, 4
STEPS = 3
PARTS = ("state", "peak")


def make_optimizer(name: str, **hyperparameters: Any) -> Any:
    """A new optimizer of those that are compared."""
    import keras

    from keras_lion import Lion

    makers: Mapping[str, Callable[..., Any]] = {
        "lion": Lion,
        "lion_bfloat16": partial(Lion, momentum_dtype="bfloat16"),
        "lion_int8": partial(Lion, momentum_dtype="int8"),
        "keras_lion": keras.optimizers.Lion,
        "adamw": keras.optimizers.AdamW,
    }
    return makers[name](**hyperparameters)


def large_network(width: int = WIDTH) -> Any:
    """A network whose memory is its weights'."""
    import keras

    layers = [keras.layers.Dense(width, activation="relu") for _ in range(LAYERS)]
    return keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(1)])


def bytes_of(variables: Sequence[Any]) -> int:
    """Bytes of the values of some variables, of dtypes such as float32 or int64."""
    bits = [int(re.sub(r"\D", "", str(v.dtype))) for v in variables]
    sizes = [math.prod(v.shape) for v in variables]
    return sum(n * b // 8 for n, b in zip(sizes, bits, strict=True))


def state_bytes(model: Any, name: str) -> int:
    """Bytes of an optimizer's variables after one step of a model."""
    import keras

    optimizer, variables = make_optimizer(name), model.trainable_variables
    optimizer.apply([keras.ops.zeros(v.shape, v.dtype) for v in variables], variables)
    return bytes_of(optimizer.variables)


def measure_state(name: str, model: Any) -> dict[str, claims.Entry]:
    """The claims of one model: bytes, bytes a weight, and bytes over AdamW's."""
    weights = bytes_of(model.trainable_variables)
    states = {key: state_bytes(model, key) for key in OPTIMIZERS}
    found = {f"{name}.weights": claims.exact(weights, "bytes", digits=12)}
    for key, state in states.items():
        found[f"{name}.state.{key}"] = claims.exact(state, "bytes", digits=12)
        found[f"{name}.bytes_a_weight.{key}"] = claims.exact(
            state / (weights / 4), "bytes"
        )
        if key != "adamw":
            ratio = state / states["adamw"]
            found[f"{name}.state.{key}_to_adamw"] = claims.exact(ratio, "ratio")
            ratio = (2 * weights + state) / (2 * weights + states["adamw"])
            found[f"{name}.training.{key}_to_adamw"] = claims.exact(ratio, "ratio")
    return found


def peak_bytes(name: str, width: int) -> int:
    """The most that training steps hold, more than before the model was built."""
    import keras
    import numpy as np

    memory = Memory()
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(8, width)).astype("float32")
    before = memory.held()
    model = large_network(width)
    model.compile(make_optimizer(name), "mse", jit_compile=True)
    batches = x[None].repeat(STEPS, axis=0).reshape(-1, width)
    fit = {"batch_size": 8, "verbose": 0, "shuffle": False}
    model.fit(batches, batches[:, :1], **fit)  # compiles
    memory.forget_peak()
    model.fit(batches, batches[:, :1], **fit)
    return memory.peak() - before


class Memory:
    """Bytes that this process holds, or the GPU where training is on one."""

    def __init__(self) -> None:
        import keras

        self.device = None
        if keras.backend.backend() == "jax":
            import jax

            device = jax.local_devices()[0]
            self.device = device if device.memory_stats() else None

    def held(self) -> int:
        """Now."""
        if self.device is not None:
            return int(self.device.memory_stats()["bytes_in_use"])
        return _of_status("VmRSS")

    def forget_peak(self) -> None:
        """Begin to look for a new peak; on a GPU the peak is that of all time."""
        if self.device is None:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> int:
        """The most since `forget_peak`."""
        if self.device is not None:
            return int(self.device.memory_stats()["peak_bytes_in_use"])
        return _of_status("VmHWM")


def _of_status(field: str) -> int:
    """A number of kibibytes of Linux's /proc/self/status, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no line {field}: peaks need Linux.")
    return 1024 * int(found.group(1))


def measure_peaks(width: int) -> dict[str, claims.Entry]:
    """Peaks of all optimizers, each in a process of its own."""
    weights = LAYERS * width * (width + 1) + width + 1
    peaks = {}
    for name in OPTIMIZERS:
        command = [sys.executable, __file__, "--peak-of", name, "--width", str(width)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[name] = int(found.stdout.split()[-1])
    entries = {
        f"peak.bytes_a_weight.{name}": claims.exact(peak / weights, "bytes")
        for name, peak in peaks.items()
    }
    for name in OPTIMIZERS[:-1]:
        ratio = peaks[name] / peaks["adamw"]
        entries[f"peak.{name}_to_adamw"] = claims.exact(ratio, "ratio")
    return entries


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="jax")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--width", type=int, default=WIDTH, help="of the large network")
    parser.add_argument("--peak-of", choices=OPTIMIZERS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.peak_of:
        print(peak_bytes(options.peak_of, options.width))
        return
    os.environ["KERAS_BACKEND"] = options.backend
    from keras_lion.tuning.tasks import get_task

    found: dict[str, claims.Entry] = {}
    if "state" in options.parts:  # the same on every backend
        for name, task in TASKS.items():
            found |= measure_state(name, get_task(task).model())
        found |= measure_state(LARGE, large_network(options.width))
    if "peak" in options.parts:
        peaks = measure_peaks(options.width)
        found |= {f"{options.backend}.{name}": entry for name, entry in peaks.items()}
    claims.keep_beside(options.output, options.backend, found)
    claims.show(found)


if __name__ == "__main__":
    main()
