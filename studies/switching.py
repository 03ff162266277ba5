"""What happens when a training switches from AdamW to Lion?

Question   A run began with AdamW and shall end with Lion. What does the switch cost or
           gain, at which values of Lion, and does `Lion.take_over`, which makes AdamW's
           first moment Lion's momentum, help?
Command    python studies/switching.py
Duration   about 2 minutes on 2 cores
Result     studies/results/switching/switching.json, runs.csv (8 seeds, 2026-11-28).
           After half of the steps, with `matched` values and fresh momentum, the switch
           raises the final loss by 0.04 nats and takes 3 points of accuracy; after 75 %
           it lowers the loss by 0.02 and takes 1 point. AdamW's first moment as Lion's
           momentum makes the next 50 steps worse by 0.2 to 0.3 nats than no momentum;
           a tenth of it makes them better by 0.01.

MNIST-1D, 1,860 steps with warm-up and cosine, AdamW at the main study's best cell.
After 25, 50 or 75 % of the steps the optimizer changes, and the schedule goes on. Lion
has the values of one of two conversions, both applied to the peak of the schedule:
`matched` (lr ÷ 4.36, λ × 10.4) or `paper` (lr ÷ 10, λ × 10). `restarted` is AdamW with
its state lost. Seeds and data order are the same for all.

Primary outcome: final validation loss, switch to Lion after half of the steps with
`matched` values − AdamW to the end.
The bump is the training loss of the 50 steps after the switch, less that of AdamW
without a switch in the same steps, on the same batches.

Predictions, written before the first run:
  - Taken over or fresh makes no difference at the end: less than 0.02 nats, at any
    time of the switch. Momentum fills within some 100 steps. (Failed for `matched`
    values after 25 %: 0.05 nats worse. Held elsewhere, 0.02 at most.)
  - The bump is larger with fresh momentum, whose first steps are signs of single
    gradients; taken over it is below 0.05 nats. Losing AdamW's state costs a bump too.
    (Failed: it is smaller with fresh momentum, always. AdamW's state: held, 0.09.)
  - With `matched` values Lion ends within 0.05 nats of AdamW; with `paper` values too,
    as most of what is left to do is to shrink the learning rate. (Held after 50 and
    75 % with fresh momentum; failed after 25 %: 0.08 and 0.09.)
  - A switch after 75 % changes less than one after 25 %. (Held.)

Added when the first results were known: the momentum taken over made the bump larger,
not smaller. AdamW's first moment remembers 10 gradients, with a weight of 0.1 for the
newest; as Lion's momentum it fades over 100 steps, so that the noise of 10 batches
decides the signs of 100 steps. `scaled` takes over a tenth of it, which gives each of
these gradients the weight that it has in Lion's own momentum.
  - Prediction: bump and final loss are those of fresh momentum, within 0.02 nats.
    (Held; the bump is smaller than that of fresh momentum, by up to 0.01.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd

from keras_lion.optimizers.from_adamw.conversion_rule import Mode, convert_adamw
from keras_lion.statistics import t_interval
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.training import Values
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.tasks import get_task
from studies import claims
from studies.step_losses import Setting, StepLosses, scores, seed_of

OUTPUT = claims.RESULTS / "switching"
TASK, STEPS, SEEDS = "mnist1d_mlp", 1_860, 8
ADAMW = Setting("adamw", 0.03, 0.3)
PLACES = (25, 50, 75)  # per cent of the steps
BUMP = 50  # steps after the switch


def converted(mode: Mode) -> Setting:
    """Lion's setting from AdamW's."""
    values = convert_adamw(ADAMW.learning_rate, ADAMW.weight_decay, mode=mode)
    rate = ADAMW.learning_rate * values.learning_rate_factor
    return Setting("lion", rate, values.weight_decay)


LION = {"matched": converted("matched"), "paper": converted("paper")}
# Of AdamW's first moment, so that each gradient in it has the weight of Lion's own
# momentum, (1 − β₂) / (1 − β₁).
SCALE = (1 - USUAL_BETAS["lion"]["beta_2"]) / (1 - USUAL_BETAS["adamw"]["beta_1"])
# Arm → setting after the switch, and how much of the first moment is taken over.
ARMS: dict[str, tuple[Setting, float]] = {
    "adamw_restarted": (ADAMW, 0.0),
    "matched_fresh": (LION["matched"], 0.0),
    "matched_taken_over": (LION["matched"], 1.0),
    "matched_scaled": (LION["matched"], SCALE),
    "paper_fresh": (LION["paper"], 0.0),
    "paper_taken_over": (LION["paper"], 1.0),
    "paper_scaled": (LION["paper"], SCALE),
}


def taken_over(values: Values, scale: float = 1.0) -> Values:
    """AdamW's weights, with its first moments, or a part, as Lion's momenta."""
    return values._replace(slots=[[scale * first] for first, _ in values.slots])


def rows_of(
    program: TaskProgram, seeds: int = SEEDS, steps: int = STEPS
) -> list[dict[str, Any]]:
    """Train every arm from the same AdamW run: a row per arm, place and seed."""
    drawn = [seed_of(program, "switching", k, steps) for k in range(seeds)]
    training = {name: StepLosses(program, name) for name in ("adamw", "lion")}
    ends = [0, *(steps * place // 100 for place in PLACES), steps]
    rows: list[dict[str, Any]] = []

    def part(
        values: list[Values], setting: Setting, first: int, last: int, done: int
    ) -> tuple[list[Values], Any]:
        """All seeds from one step to another; `done` of them the optimizer has made."""
        return training[setting.optimizer].train(
            values,
            [seed.order[first:last] for seed in drawn],
            [setting.rates(steps)[first:last]] * seeds,
            [setting] * seeds,
            first=done,
        )

    def add(
        arm: str, place: int, finals: list[Values], losses: Any, bumps: Any
    ) -> None:
        rows.extend(
            {
                "arm": arm,
                "place": place,
                "seed": k,
                **scores(program, finals[k], drawn[k], losses[k]),
                "bump": bumps[k],
            }
            for k in range(seeds)
        )

    values = training["adamw"].start([seed.model_seed for seed in drawn])
    kept, after = {}, {}
    for place, (first, last) in zip((*PLACES, 100), pairwise(ends), strict=True):
        values, losses = part(values, ADAMW, first, last, first)
        after[first] = losses[:, :BUMP].mean(axis=1)
        kept[place] = values
    add("adamw", 100, values, losses, [0.0] * seeds)
    for mode, setting in LION.items():
        values = training["lion"].start([seed.model_seed for seed in drawn])
        values, losses = part(values, setting, 0, steps, 0)
        add(f"lion_{mode}", 0, values, losses, [0.0] * seeds)
    for place, first in zip(PLACES, ends[1:-1], strict=True):
        for arm, (setting, scale) in ARMS.items():
            begun = [
                taken_over(each, scale)
                if scale
                else training[setting.optimizer].fresh(each)
                for each in kept[place]
            ]
            values, losses = part(begun, setting, first, steps, 0)
            bumps = losses[:, :BUMP].mean(axis=1) - after[first]
            add(arm, place, values, losses, bumps)
    return rows


def summarize(frame: pd.DataFrame) -> dict[str, claims.Entry]:
    """The claims: final losses less AdamW's, bumps, and what taking over changes."""
    runs = {
        (arm, place): part.sort_values("seed").reset_index()
        for arm, of_arm in frame.groupby("arm")
        for place, part in of_arm.groupby("place")
    }
    adamw = runs["adamw", 100]
    found = {
        "adamw.loss": claims.entry(t_interval(adamw["loss"]), "nats"),
        "adamw.accuracy": claims.entry(t_interval(adamw["accuracy"]), "share"),
    }
    for (arm, place), here in runs.items():
        if arm == "adamw":
            continue
        name = f"{arm}.{place}"
        for column, unit in (("loss", "nats"), ("accuracy", "share")):
            change = t_interval(here[column] - adamw[column])
            found[f"{name}.{column}_change"] = claims.entry(change, unit)
        if place:
            found[f"{name}.bump"] = claims.entry(t_interval(here["bump"]), "nats")
        mode, _, rest = str(arm).partition("_")
        if rest in ("taken_over", "scaled"):
            fresh = runs[f"{mode}_fresh", place]
            for column in ("loss", "bump"):
                gain = t_interval(here[column] - fresh[column])
                found[f"{name}.{column}_against_fresh"] = claims.entry(gain, "nats")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(arguments)
    task = get_task(TASK)
    rows = rows_of(TaskProgram(task, task.load()), options.seeds, options.steps)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "runs.csv"
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
    found = summarize(pd.read_csv(path))
    claims.keep(options.output / "switching.json", found)
    claims.show(found)


if __name__ == "__main__":
    main()
