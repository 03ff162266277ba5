"""What do the related optimizers cost in memory and time?

Question   How many bytes of state per weight, and how much time per update, do the
           optimizers of docs/optimizers.md take next to AdamW?
Command    python studies/performance/related_optimizers.py
           python studies/performance/related_optimizers.py --document
           the second writes the table of docs/optimizers.md from the first
Duration   two minutes on 2 cores
Result     studies/results/performance/related_optimizers.json, docs/optimizers.md

One model of ten matrices of 400 × 500 weights, updated by given gradients in one
compiled program, on JAX; the optimizers take turns in one process. ZeroOrderLion has no
compiled update, and most of its step is the model: only its memory is counted.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_lion import Lion, optimizers
from studies import claims
from studies.performance.compiled_step import compiled
from studies.performance.optimizer_memory import bytes_of
from studies.performance.turns import Step, median_of, ratio_of_medians, turns_of

OUTPUT = claims.RESULTS / "performance" / "related_optimizers.json"
PAGE = Path(__file__).parents[2] / "docs" / "optimizers.md"
BEGIN = (
    "<!-- written by "
    "`python studies/performance/related_optimizers.py --document` -->\n"
)
END = "<!-- end of costs -->"
TENSORS, ROWS, COLUMNS = 10, 400, 500
TURNS = 21
SECONDS = 0.1  # about, of each turn
DECAY: dict[str, Any] = {"weight_decay": 0.1}
# As users write them → how they are made.
OPTIMIZERS: Mapping[str, Callable[[], Any]] = {
    "keras.optimizers.AdamW()": lambda: keras.optimizers.AdamW(**DECAY),
    "Lion()": lambda: Lion(**DECAY),
    "Lookahead(Lion())": lambda: optimizers.Lookahead(Lion(**DECAY)),
    "LayerAdaptive(Lion())": lambda: optimizers.LayerAdaptive(Lion(**DECAY)),
    "AdaX()": lambda: optimizers.AdaX(**DECAY),
    "Adafactor()": lambda: optimizers.Adafactor(**DECAY),
    "Adafactor(beta_1=0.9)": lambda: optimizers.Adafactor(beta_1=0.9, **DECAY),
    "keras.optimizers.Adafactor()": lambda: keras.optimizers.Adafactor(**DECAY),
    "Tiger()": lambda: optimizers.Tiger(**DECAY),
    "Tiger(gradient_accumulation_steps=4)": lambda: optimizers.Tiger(
        gradient_accumulation_steps=4, **DECAY
    ),
    "keras.optimizers.AdamW(gradient_accumulation_steps=4)": (
        lambda: keras.optimizers.AdamW(gradient_accumulation_steps=4, **DECAY)
    ),
    "ZeroOrderLion()": lambda: optimizers.ZeroOrderLion(**DECAY),
}
BASE = "keras.optimizers.AdamW()"
PARTS = ("bytes", "time")
NOT_TIMED = ("ZeroOrderLion()",)


def tensors(rows: int) -> tuple[list[Any], list[Any]]:
    """Variables and gradients of the model."""
    generator = np.random.default_rng(0)
    drawn = generator.normal(size=(TENSORS, 2, rows, COLUMNS)).astype("float32")
    return (
        [keras.Variable(pair[0], name=f"kernel_{k}") for k, pair in enumerate(drawn)],
        [keras.ops.convert_to_tensor(pair[1]) for pair in drawn],
    )


def state_bytes_per_weight(make: Callable[[], Any], rows: int = ROWS) -> float:
    """Bytes of an optimizer's variables, over the number of weights."""
    optimizer, (variables, _) = make(), tensors(rows)
    optimizer.build(variables)
    return bytes_of(optimizer.variables) / (TENSORS * rows * COLUMNS)


def measured_bytes(rows: int = ROWS) -> dict[str, claims.Entry]:
    """Bytes of state per weight."""
    return {
        f"bytes.{name}": claims.exact(state_bytes_per_weight(make, rows), "bytes")
        for name, make in OPTIMIZERS.items()
    }


def measured_times(
    rows: int = ROWS, turns: int = TURNS, seconds: float = SECONDS
) -> dict[str, claims.Entry]:
    """Milliseconds per update, and those over AdamW's."""
    found = {}
    steps = {
        name: update_of(make, rows)
        for name, make in OPTIMIZERS.items()
        if name not in NOT_TIMED
    }
    times = dict(zip(steps, turns_of(steps, turns, seconds).T, strict=True))
    for name, of_turns in times.items():
        found[f"time.{name}"] = claims.entry(median_of(1000 * of_turns), "milliseconds")
        ratio = ratio_of_medians(of_turns, times[BASE])
        found[f"time_to_adamw.{name}"] = claims.entry(ratio, "ratio")
    return found


def update_of(make: Callable[[], Any], rows: int) -> Step:
    """An optimizer's update of the model, compiled."""
    optimizer, (variables, gradients) = make(), tensors(rows)
    optimizer.build(variables)
    return compiled(optimizer, variables, [], lambda *_: gradients, ())


def table(kept: Mapping[str, claims.Entry]) -> str:
    """A row per optimizer, in Markdown."""
    lines = [
        "| optimizer | bytes of state per weight | update time ÷ AdamW's (95 %) |",
        "| --- | --: | --: |",
    ]
    for name in OPTIMIZERS:
        time = kept.get(f"time_to_adamw.{name}")
        cell = "not compared"
        if time is not None:
            cell = f"{time['value']:.2f} ({time['low']:.2f} to {time['high']:.2f})"
        if name == BASE:
            cell = "1"
        lines.append(f"| `{name}` | {kept[f'bytes.{name}']['value']:.2f} | {cell} |")
    return "\n".join(lines) + "\n"


def documented(page: str, kept: Mapping[str, claims.Entry]) -> str:
    """The page with the table between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(kept)}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument(
        "--document", action="store_true", help="only write --output's table to docs/"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(arguments)
    path = options.output
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if options.document:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(documented(page, before["claims"]), encoding="utf-8")
        return
    from keras_lion.tuning.sweep.environment import environment

    found = measured_bytes() if "bytes" in options.parts else {}
    found |= measured_times() if "time" in options.parts else {}
    kept = {**before.get("claims", {}), **found}
    claims.keep(path, kept, environment=environment())
    claims.show(found)


if __name__ == "__main__":
    main()
