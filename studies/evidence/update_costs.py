"""What an update costs in time and memory, as a table for the README."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.evidence.costs import BACKENDS, read
from studies.evidence.storage_claims import LABELS
from studies.momentum_storage import FLOAT32, SETTINGS

Entries = Mapping[str, Mapping[str, Any]]

# What is measured → file, and name of the entry below the backend's.
ROWS: Mapping[str, tuple[str, str]] = {
    "**update in a compiled step**, one tensor of 32 million weights: "
    "time ÷ `keras.optimizers.Lion`'s": (
        "step_time",
        "large.compiled.lion_to_keras_lion",
    ),
    "the same ÷ `keras.optimizers.AdamW`'s": (
        "step_time",
        "large.compiled.lion_to_adamw",
    ),
    "the same ÷ `optax.lion`'s": ("step_time", "large.compiled.lion_to_optax_lion"),
    'time with `momentum_dtype="bfloat16"` ÷ with float32': (
        "step_time",
        "large.compiled.lion_bfloat16_to_lion",
    ),
    'time with `momentum_dtype="int8"` ÷ with float32': (
        "step_time",
        "large.compiled.lion_int8_to_lion",
    ),
    "time with `cautious=True` ÷ without": (
        "step_time",
        "large.compiled.lion_cautious_to_lion",
    ),
    "bytes per second, counted as the 20 a weight that must move, ÷ those of scaling a "
    "tensor in place": (
        "step_time",
        "large.compiled.bandwidth.lion",
    ),
    "**320 tensors of 100,000 weights**, compiled: ÷ `keras.optimizers.Lion`'s": (
        "step_time",
        "many.compiled.lion_to_keras_lion",
    ),
    "the same in a plain `tf.function`": (
        "step_time",
        "many.function.lion_to_keras_lion",
    ),
    "the same in an eager `apply`": (
        "step_time",
        "many.eager.lion_to_keras_lion",
    ),
    "**share of the update in a training step**: MLP": (
        "model_step",
        "mlp.share_of_lion",
    ),
    "vision transformer": ("model_step", "vision_transformer.share_of_lion"),
    "language model": ("model_step", "language_model.share_of_lion"),
    "**peak memory of a training step**, 36 million weights: ÷ AdamW's": (
        "optimizer_memory",
        "peak.lion_to_adamw",
    ),
    'with `momentum_dtype="bfloat16"`': (
        "optimizer_memory",
        "peak.lion_bfloat16_to_adamw",
    ),
    'with `momentum_dtype="int8"`': ("optimizer_memory", "peak.lion_int8_to_adamw"),
}
STATE = {
    "float32": "lion",
    "bfloat16": "lion_bfloat16",
    "int8": "lion_int8",
    "`keras.optimizers.AdamW`": "adamw",
}


def update_costs(results: Path) -> str:
    """A row per measurement, a column per backend."""
    kept = {name: read(results, name) for name in ("step_time", "model_step")}
    kept["optimizer_memory"] = read(results, "optimizer_memory")
    lines = [f"| | {' | '.join(BACKENDS.values())} |", "|---|---|---|"]
    for what, (file, name) in ROWS.items():
        found = kept[file]["claims"]
        cells = [_cell(found, f"{backend}.{name}") for backend in BACKENDS]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    memory = kept["optimizer_memory"]["claims"]
    state = ", ".join(
        f"{memory[f'large_network.bytes_a_weight.{key}']['value']:.2f} ({name})"
        for name, key in STATE.items()
    )
    return (
        "\n".join(lines) + f"\n\nState, in bytes a weight: {state}. Ratios of medians "
        "over 21 turns in one process, with 95 % intervals, on 2 CPU cores. Not "
        "measured on a GPU or TPU yet. During a step int8 momenta of a few tensors are "
        "decoded, so that their peak is above their state. Written from "
        "[step_time.py](studies/performance/step_time.py), "
        "[model_step.py](studies/performance/model_step.py) and "
        "[optimizer_memory.py](studies/performance/optimizer_memory.py).\n\n"
        + accuracies(results)
    )


def accuracies(results: Path) -> str:
    """What smaller storage changes in the final accuracy, task by task."""
    file = results / "momentum_storage" / "momentum_storage.json"
    found = json.loads(file.read_text(encoding="utf-8"))["claims"]
    tasks = {
        task: found[f"{task}.{FLOAT32}"]
        for task in SETTINGS
        if f"{task}.{FLOAT32}" in found
    }
    heads = [f"`{task}`, ±{SETTINGS[task].margin:g} matters" for task in tasks]
    lines = [
        f"| final accuracy less that with float32, points | {' | '.join(heads)} |",
        f"|---|{'---|' * len(tasks)}",
    ]
    for variant, name in LABELS.items():
        cells = [
            f"{_signed(found[f'{task}.{variant}'])} (n={base['n']})"
            for task, base in tasks.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + (
        "\n\nPaired by seed; from [momentum_storage.py](studies/momentum_storage.py). "
        "bfloat16 weights are rounded stochastically unless "
        "`stochastic_rounding=False`.\n"
    )


def _signed(entry: Mapping[str, Any]) -> str:
    value, low, high = (f"{entry[k]:.2f}" for k in ("value", "low", "high"))
    return f"{value} [{low}, {high}]".replace("-", "−")


def _cell(found: Entries, name: str) -> str:
    """`0.65 [0.64, 0.68]`, a share in percent; a dash where it was not measured."""
    entry = found.get(name)
    if entry is None:
        return "–"
    factor, form, unit = (100, ".1f", " %") if ".share_of_" in name else (1, ".2f", "")
    value, low, high = (f"{factor * entry[k]:{form}}" for k in ("value", "low", "high"))
    return f"{value}{unit}" if entry["n"] == 1 else f"{value} [{low}, {high}]{unit}"
