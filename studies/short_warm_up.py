"""How long a warm-up does a run of a few hundred steps need?

Question   A warm-up of 2,000 steps is usual in long runs. What share of a run of 310 or
           620 steps should warm up, for Lion and for AdamW, at the best learning rate
           of each and at 3.2 times it?
Command    python studies/short_warm_up.py
Duration   about 3 minutes on 2 cores
Result     studies/results/short_warm_up/short_warm_up.json, runs.csv (6 seeds,
           2026-11-28). AdamW needs it more than Lion. Without warm-up AdamW loses 0.10
           nats at its best learning rate in 310 steps and 0.05 in 620, Lion nothing
           that is shown; at 3.2 times the best 0.25 and 0.34, Lion 0.03 and 0.11. From
           5 % on Lion's loss does not change; AdamW's at 3.2 times the best still falls
           from 10 to 20 %.

MNIST-1D, with the weight decay of the main study's best cell and learning rates half
decades apart. The best learning rate of a length is that of the lowest mean validation
loss, over all warm-ups and seeds; 3.2 times it is the next one. A sweep of the engine
draws other seeds for each schedule; here every warm-up has the same seeds, so that the
differences are paired.

Primary outcome: validation loss without warm-up − with 10 %, at 3.2 times the best
learning rate.

Predictions, written before the first run:
  - At the best learning rate AdamW's loss depends on the warm-up by less than 0.05
    nats, Lion's by less than 0.1, and no warm-up is the worst for Lion. (Failed for
    AdamW: 0.10 in 310 steps. Held for Lion, but no warm-up is not its worst.)
  - At 3.2 times the best, no warm-up costs both more than 0.05 nats against 10 %.
    (Held, except for Lion in 310 steps: 0.03.)
  - 20 % is not better than 10 % by 0.05 nats anywhere: that time is missing at the end.
    (Failed: it is for AdamW in 620 steps at 3.2 times the best, by 0.10.)
  - In steps, what is enough is alike at both lengths: 30 to 60 steps. (Failed: Lion
    needs about a dozen steps, AdamW at the larger learning rate more than 60.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd

from keras_lion.statistics import t_interval
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.tasks import get_task
from studies import claims
from studies.step_losses import Setting, StepLosses, scores, seed_of

OUTPUT = claims.RESULTS / "short_warm_up"
TASK = "mnist1d_mlp"
LENGTHS = (310, 620)  # steps
PER_CENT = (0, 2, 5, 10, 20)
USUAL = 10  # per cent, with which the others are compared
SEEDS = 6
RATES = {  # half decades
    "lion": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "adamw": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
}
DECAYS = {"lion": 3.0, "adamw": 0.3}


def rows_of(
    program: TaskProgram, optimizer: str, steps: int, seeds: int = SEEDS
) -> list[dict[str, Any]]:
    """Train an optimizer's runs of one length: a row per warm-up, rate and seed."""
    drawn = [seed_of(program, "short_warm_up", k, steps) for k in range(seeds)]
    training = StepLosses(program, optimizer)
    placed = [
        (per_cent, rate, seed)
        for per_cent in PER_CENT
        for rate in RATES[optimizer]
        for seed in range(seeds)
    ]
    settings = [
        Setting(optimizer, rate, DECAYS[optimizer], warmup=per_cent / 100)
        for per_cent, rate, _ in placed
    ]
    finals, losses = training.train(
        training.start([drawn[seed].model_seed for *_, seed in placed]),
        [drawn[seed].order for *_, seed in placed],
        [setting.rates(steps) for setting in settings],
        settings,
    )
    return [
        {
            "optimizer": optimizer,
            "steps": steps,
            "per_cent": per_cent,
            "learning_rate": rate,
            "seed": seed,
            **scores(program, finals[k], drawn[seed], losses[k]),
        }
        for k, (per_cent, rate, seed) in enumerate(placed)
    ]


def best_rate(runs: pd.DataFrame) -> float:
    """The learning rate of the lowest mean loss; one that is not finite is not."""
    finite = runs.assign(loss=runs["loss"].fillna(float("inf")))
    means = finite.groupby("learning_rate", as_index=False)["loss"].mean()
    return float(means.loc[int(means["loss"].to_numpy().argmin()), "learning_rate"])


def read_at(runs: pd.DataFrame) -> dict[str, float]:
    """`"best"`: the best learning rate of these runs; `"above"`: the next of the grid.

    Raises:
        ValueError: If the best one is the largest.
    """
    best, rates = best_rate(runs), sorted(runs["learning_rate"].unique())
    if best == rates[-1]:
        raise ValueError(
            "The best learning rate must not be the largest: extend RATES. "
            f"Received: {best:g}."
        )
    return {"best": best, "above": float(rates[rates.index(best) + 1])}


def summarize(frame: pd.DataFrame) -> dict[str, claims.Entry]:
    """The claims: loss of every warm-up, and its difference from 10 %."""
    found: dict[str, claims.Entry] = {}
    for (optimizer, steps), runs in frame.groupby(["optimizer", "steps"]):
        places = read_at(runs)
        found[f"{optimizer}.{steps}.best_rate"] = claims.exact(
            places["best"], "learning rate"
        )
        for place, rate in places.items():
            losses = runs[runs["learning_rate"] == rate].pivot(
                index="seed", columns="per_cent", values="loss"
            )
            for per_cent in losses:
                name = f"{optimizer}.{steps}.{place}.{per_cent}"
                found[f"{name}.loss"] = claims.entry(
                    t_interval(losses[per_cent]), "nats"
                )
                if per_cent != USUAL:
                    change = t_interval(losses[per_cent] - losses[USUAL])
                    found[f"{name}.change"] = claims.entry(change, "nats")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    task = get_task(TASK)
    program = TaskProgram(task, task.load())
    rows = []
    for optimizer in RATES:
        for steps in LENGTHS:
            rows += rows_of(program, optimizer, steps, options.seeds)
            print(f"{optimizer}, {steps} steps: trained", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "runs.csv"
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
    found = summarize(pd.read_csv(path))
    claims.keep(options.output / "short_warm_up.json", found)
    claims.show(found)


if __name__ == "__main__":
    main()
