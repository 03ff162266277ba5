"""When does the training loss spike, and what prevents it?

Question   Practitioners report spikes of the loss and late NaN. Which of β₂, clipping,
           warm-up and λ prevents them, for Lion and for AdamW, at learning rates up to
           8 times the best?
Command    python studies/spikes.py
Duration   about 5 minutes on 2 cores
Result     studies/results/spikes/spikes.json, runs.csv (6 seeds, 2026-11-28). Weight
           decay prevents them for Lion: without it 72 % of its runs are unstable,
           against 6 % (digits_mlp: 86 and 0 %); AdamW's only at 8 times the best
           learning rate. Clipping is not shown to change anything. β₂ and warm-up are
           not either on mnist1d_mlp; on digits_mlp every change of them makes 14 to 31
           points more of Lion's runs unstable. No run became NaN.

A spike: the mean loss of 5 batches in a row is more than twice the median of the 50
batches before them, and more than 0.5 nats above it. Within 50 steps of one no other is
counted. A run is unstable if its loss spikes, or if it ends diverged by the rule of the
sweep engine: at the accuracy of chance, or not finite. Six learning rates from 1/4 to 8
times the best of the main study, six seeds; each other arm changes one thing.

Primary outcome: the share of a seed's six learning rates that are unstable, arm − usual
setting, on mnist1d_mlp.

Predictions, written before the first run:
  - No run of an arm with lr × λ below 1 becomes NaN: a step of either optimizer is
    bounded, whatever the gradient. What large learning rates do is end at chance.
    (Held, up to an lr × λ of 2.2.)
  - λ matters most for Lion: without it more runs are unstable than with any other
    change, and three times the usual λ makes fewer so. For AdamW less than for Lion.
    (Held, but three times the usual λ makes more so: lr × λ is then 2.2 at the largest
    learning rate.)
  - Clipping changes nothing for either: both steps ignore the scale of the gradients.
    (Share of unstable runs within 0.1 of the usual setting.) (Held, the mean.)
  - A smaller β₂ (0.95) prevents spikes of AdamW, whose second moment then follows a
    growing gradient; Lion's β₂ is that of its momentum, and 0.999 makes more spikes.
    (AdamW has none to prevent. Lion: not shown on mnist1d_mlp, held on digits_mlp.)
  - Without warm-up more runs end diverged, for Lion more than for AdamW. 20 % instead
    of 5 % changes little. (Shown on digits_mlp only, where 20 % makes more spikes: the
    loss is already low when the learning rate reaches its peak.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from keras_lion.statistics import t_interval, wilson_interval
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.tasks import get_task
from studies import claims
from studies.step_losses import Setting, StepLosses, scores, seed_of

OUTPUT = claims.RESULTS / "spikes"
STEPS = {"mnist1d_mlp": 930, "digits_mlp": 1_200}
SEEDS = 6
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of the best learning rate
# Learning rate and weight decay, the best of the main study or next to it.
BEST = {
    "mnist1d_mlp": {"lion": (0.03, 3.0), "adamw": (0.03, 0.3)},
    "digits_mlp": {"lion": (0.03, 1.0), "adamw": (0.03, 0.1)},
}
# Arm → what differs from the usual setting; "decay" is a factor of λ.
ARMS: dict[str, dict[str, dict[str, float]]] = {
    "usual": {"lion": {}, "adamw": {}},
    "beta_2_smaller": {"lion": {"beta_2": 0.95}, "adamw": {"beta_2": 0.95}},
    "beta_2_larger": {"lion": {"beta_2": 0.999}, "adamw": {"beta_2": 0.9999}},
    "clip_1": {"lion": {"clip_norm": 1.0}, "adamw": {"clip_norm": 1.0}},
    "clip_0.1": {"lion": {"clip_norm": 0.1}, "adamw": {"clip_norm": 0.1}},
    "warmup_0": {"lion": {"warmup": 0.0}, "adamw": {"warmup": 0.0}},
    "warmup_20": {"lion": {"warmup": 0.2}, "adamw": {"warmup": 0.2}},
    "decay_0": {"lion": {"decay": 0.0}, "adamw": {"decay": 0.0}},
    "decay_third": {"lion": {"decay": 1 / 3}, "adamw": {"decay": 1 / 3}},
    "decay_triple": {"lion": {"decay": 3.0}, "adamw": {"decay": 3.0}},
}
SMOOTHED, BEFORE = 5, 50  # batches
TIMES, ABOVE = 2.0, 0.5  # the median; nats


def spikes(losses: np.ndarray) -> np.ndarray:
    """Steps at which a spike begins, counted from 0.

    Args:
        losses: Training loss of each batch, shape (steps,). Those from the first that
            is not finite on are not looked at.
    """
    bad = ~np.isfinite(losses)
    losses = losses[: int(np.argmax(bad)) if bad.any() else len(losses)]
    if len(losses) < BEFORE + SMOOTHED:
        return np.empty(0, int)
    windows = np.lib.stride_tricks.sliding_window_view(losses, BEFORE + SMOOTHED)
    median = np.median(windows[:, :BEFORE], axis=1)
    level = windows[:, BEFORE:].mean(axis=1)
    high = np.flatnonzero((level > TIMES * median) & (level > median + ABOVE))
    steps = high + BEFORE + SMOOTHED - 1
    found: list[int] = []
    for step in steps:
        if not found or step - found[-1] > BEFORE:
            found.append(int(step))
    return np.asarray(found, int)


def setting_of(task: str, optimizer: str, arm: str, factor: float) -> Setting:
    """The setting of one run."""
    rate, decay = BEST[task][optimizer]
    change = dict(ARMS[arm][optimizer])
    decay *= change.pop("decay", 1.0)
    return Setting(optimizer, rate * factor, decay, **change)


def rows_of(
    program: TaskProgram,
    optimizer: str,
    *,
    arms: Sequence[str] = tuple(ARMS),
    seeds: int = SEEDS,
    steps: int | None = None,
) -> list[dict[str, Any]]:
    """Train an optimizer's runs: one row per arm, learning rate and seed."""
    task = program.task.name
    drawn = [seed_of(program, "spikes", k, steps or STEPS[task]) for k in range(seeds)]
    training = StepLosses(program, optimizer)
    rows = []
    for arm in arms:
        placed = [(factor, seed) for factor in FACTORS for seed in range(seeds)]
        settings = [setting_of(task, optimizer, arm, factor) for factor, _ in placed]
        finals, losses = training.train(
            training.start([drawn[seed].model_seed for _, seed in placed]),
            [drawn[seed].order for _, seed in placed],
            [setting.rates(len(drawn[0].order)) for setting in settings],
            settings,
        )
        for k, (factor, seed) in enumerate(placed):
            begun = spikes(losses[k])
            rows.append(
                {
                    "task": task,
                    "optimizer": optimizer,
                    "arm": arm,
                    "factor": factor,
                    "seed": seed,
                    "learning_rate": settings[k].learning_rate,
                    "weight_decay": settings[k].weight_decay,
                    "spikes": len(begun),
                    "first_spike": int(begun[0]) if len(begun) else -1,
                    **scores(program, finals[k], drawn[seed], losses[k]),
                }
            )
    return rows


def summarize(frame: pd.DataFrame) -> dict[str, claims.Entry]:
    """The claims: shares of unstable runs, and each arm's difference from the usual."""
    frame = frame.assign(unstable=frame["diverged"] | (frame["spikes"] > 0))
    found: dict[str, claims.Entry] = {}
    for (task, optimizer), runs in frame.groupby(["task", "optimizer"]):
        shares = runs.pivot_table(
            index="seed", columns="arm", values="unstable", aggfunc="mean"
        )
        for arm in [arm for arm in ARMS if arm in shares]:
            name = f"{task}.{optimizer}.{arm}"
            here = runs[runs["arm"] == arm]
            for column in ("unstable", "diverged", "finite"):
                count = int(here[column].sum())
                found[f"{name}.{column}"] = claims.entry(
                    wilson_interval(count, len(here)), "share of runs"
                )
            spiked = here["spikes"].astype(float)
            found[f"{name}.spikes"] = claims.entry(
                t_interval(spiked.groupby(here["seed"]).mean()), "spikes per run"
            )
            if arm != "usual":
                found[f"{name}.unstable_change"] = claims.entry(
                    t_interval(shares[arm] - shares["usual"]), "share of runs"
                )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, help="fewer, to try it")
    options = parser.parse_args(arguments)
    rows = []
    for name in BEST:
        task = get_task(name)
        program = TaskProgram(task, task.load())
        for optimizer in BEST[name]:
            rows += rows_of(
                program, optimizer, seeds=options.seeds, steps=options.steps
            )
            print(f"{name}, {optimizer}: trained", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "runs.csv"
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
    found = summarize(pd.read_csv(path))
    claims.keep(options.output / "spikes.json", found)
    claims.show(found)


if __name__ == "__main__":
    main()
