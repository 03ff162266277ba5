"""Does Lion train as well with a smaller momentum, or with bfloat16 weights?

Question   The final validation accuracy of the same training by `fit`, paired by seed,
           less that with everything in float32: with a bfloat16 momentum, with an int8
           momentum, and with a model that is in bfloat16 as a whole (weights,
           activations and gradients; its weights are rounded stochastically, or, as a
           control, to the nearest).
Command    python studies/momentum_storage.py
           KERAS_BACKEND=tensorflow python studies/momentum_storage.py \
               --task fashion_mnist_vit
Duration   15 minutes (fashion_mnist_mlp), 30 minutes (fashion_mnist_vit) on 2 cores
Result     studies/README.md, studies/results/momentum_storage/, and the README

Learning rate and weight decay are the best of the main study for float32, the schedule
is its own. Epochs and seeds were fixed before the first run: 20 epochs and 10 seeds of
the MLP, 4 epochs and 5 seeds of the vision transformer. A difference that matters is
half a point on the MLP and one point on the vision transformer: the claim holds where
the whole 95 % t interval lies within. Runs are appended to runs-<task>.jsonl as they
end, and are not trained twice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_lion import Lion
from keras_lion.statistics import t_interval
from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.tasks import get_task
from studies import claims

FOLDER = claims.RESULTS / "momentum_storage"
BATCH_SIZE = 128
WARM_UP = 0.05  # of the steps


class Setting(NamedTuple):
    """How a task is trained, and which difference of accuracies matters."""

    learning_rate: float
    weight_decay: float
    epochs: int
    seeds: int
    margin: float  # points


SETTINGS = {
    "fashion_mnist_mlp": Setting(1e-3, 1.0, epochs=20, seeds=10, margin=0.5),
    "fashion_mnist_vit": Setting(9.49e-4, 1.0, epochs=4, seeds=5, margin=1.0),
}
FLOAT32 = "float32"
# Name → dtype of the model, and options of Lion.
VARIANTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    FLOAT32: ("float32", {}),
    "bfloat16_momentum": ("float32", {"momentum_dtype": "bfloat16"}),
    "int8_momentum": ("float32", {"momentum_dtype": "int8"}),
    "bfloat16_model": ("bfloat16", {}),
    "bfloat16_model_to_nearest": ("bfloat16", {"stochastic_rounding": False}),
}


def in_dtype(model: Callable[[], Any], dtype: str) -> Any:
    """A new model whose weights and activations have a dtype; float32 logits."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        made = model()
    finally:
        keras.config.set_dtype_policy(before)
    logits = keras.layers.Activation("linear", dtype="float32")(made.outputs[0])
    return keras.Model(made.inputs, logits)


def train(task: str, variant: str, seed: int, setting: Setting) -> dict[str, float]:
    """Final validation loss and accuracy of one run."""
    definition, (dtype, options) = get_task(task), VARIANTS[variant]
    data = definition.load()
    split = definition.split(data, np.random.default_rng(seed))
    keras.utils.set_random_seed(seed)
    model = in_dtype(definition.model, dtype)
    steps = setting.epochs * -(-len(split.train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - round(WARM_UP * steps),
        warmup_target=setting.learning_rate,
        warmup_steps=round(WARM_UP * steps),
    )
    model.compile(
        Lion(schedule, weight_decay=setting.weight_decay, **options),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        data.x[split.train],
        data.y[split.train],
        batch_size=BATCH_SIZE,
        epochs=setting.epochs,
        verbose=0,
    )
    held_out = data.x[split.validation], data.y[split.validation]
    loss, accuracy = model.evaluate(*held_out, batch_size=1000, verbose=0)
    return {"loss": float(loss), "accuracy": float(accuracy)}


def read(folder: Path) -> list[dict[str, Any]]:
    """The runs of all tasks; a line that was cut off is left out."""
    found = []
    for path in sorted(folder.glob("runs-*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return found


def differences(runs: Sequence[Mapping[str, Any]]) -> dict[str, claims.Entry]:
    """Accuracies of float32 in percent, and of each variant less float32 in points."""
    found = {}
    by_key = {(run["task"], run["variant"], run["seed"]): run for run in runs}
    for task in SETTINGS:
        base = {
            s: r["accuracy"]
            for (t, v, s), r in by_key.items()
            if (t, v) == (task, FLOAT32)
        }
        for variant in VARIANTS:
            values = [
                100 * (by_key[task, variant, seed]["accuracy"] - reference)
                if variant != FLOAT32
                else 100 * reference
                for seed, reference in sorted(base.items())
                if (task, variant, seed) in by_key
            ]
            if len(values) > 1:
                unit = "percent" if variant == FLOAT32 else "points"
                found[f"{task}.{variant}"] = claims.entry(t_interval(values), unit)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=SETTINGS, default="fashion_mnist_mlp")
    parser.add_argument("--seeds", type=int, help="fewer than the study's")
    parser.add_argument("--epochs", type=int, help="fewer, for a trial elsewhere")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    setting = SETTINGS[options.task]
    if options.epochs:
        setting = setting._replace(epochs=options.epochs)
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = read(options.folder)
    writer = RecordWriter(options.folder, options.task)
    done = {(run["task"], run["variant"], run["seed"]) for run in runs}
    for seed in range(options.seeds or setting.seeds):
        for variant in VARIANTS:
            if (options.task, variant, seed) in done:
                continue
            result = train(options.task, variant, seed, setting)
            key = {"task": options.task, "variant": variant, "seed": seed}
            backend = keras.backend.backend()
            run = {**key, **setting._asdict(), "backend": backend, **result}
            writer.append(run)
            print(f"{variant:28} seed {seed}: {result['accuracy']:.4f}", flush=True)
    found = differences(read(options.folder))
    from keras_lion.tuning.sweep.environment import environment

    path = options.folder / "momentum_storage.json"
    claims.keep(path, found, environment=environment())
    claims.show(found)


if __name__ == "__main__":
    main()
