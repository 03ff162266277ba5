"""Does `keras-lion recipe` find good values of Lion, and does it decide well?

Question   With k trials: how far are the recommended values from a task's best ones,
           next to other ways to spend the trials? And how often is "switch to Lion" or
           "stay with AdamW" right?
Command    OMP_NUM_THREADS=1 python studies/recipe.py [PART ...]
           python studies/recipe_page.py        writes figure and page from it
Duration   about 15 minutes on 1 core
Result     docs/recipe.md, studies/results/recipe/

A simulation on the grids of the public table (`studies/recipe_surfaces.py`). Whatever
is fitted (`studies/recipe_prior.py`) is fitted without the data set of the task that
it is tried on. A session starts from an AdamW recipe that works: a cell of AdamW's
grid within 2 ε of its best.

- Search: regret is the best cell of Lion's grid less the mean score at the
  recommended values, in ε, at most 20. All k trials are Lion's.
- Decision: half of the k trials are AdamW's. Where AdamW's best cell is better,
  "switch" is an error; where Lion's is better by more than ε, "stay" is. In controls
  Lion is AdamW under another name, as good (A/A) or better by 1, 2 or 4 ε.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_lion.tuning.recipe.plan import next_proposal
from keras_lion.tuning.recipe.prior import Prior, fitted_prior
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result
from keras_lion.tuning.recipe.verdict import verdict
from studies.recipe_methods import BUDGETS, METHODS
from studies.recipe_prior import CAP, fitted
from studies.recipe_surfaces import SimulatedTask, new_tasks, simulated_tasks

Array = NDArray[np.float64]

FILE = Path(__file__).parent / "results" / "recipe" / "recipe.json"
SESSIONS = 18  # per task and method
# Choosing its 16 trials takes BayesianOptimization several seconds.
SLOW = {"BayesianOptimization": 1}
SLOW_NEW = {"BayesianOptimization": 8}
DECIDED = (4, 8, 16)
NEW = "new"  # the part of `simulate` that runs on new tasks
DECISIONS = 24  # sessions per task, budget and control
EQUAL = 100  # of the control without a gain, whose rate must be at most 5 %
GAINS = (0.0, 1.0, 2.0, 4.0)  # ε, of the controls
RESAMPLES = 2_000


def left_out(tasks: Sequence[SimulatedTask]) -> dict[str, Prior]:
    """Data set → the prior of all tasks of other data sets."""
    return {
        data: fitted([task for task in tasks if task.data != data])
        for data in dict.fromkeys(task.data for task in tasks)
    }


def regrets_of(
    name: str,
    tasks: Sequence[SimulatedTask],
    priors: Mapping[str, Prior],
    sessions: int,
) -> Array:
    """Regrets of a method in ε, shape (tasks, sessions, budgets)."""
    regrets = np.empty((len(tasks), sessions, len(BUDGETS)))
    for i, task in enumerate(tasks):
        for session in range(sessions):
            draw = np.random.default_rng([i, session])
            start = task.recipes[session % len(task.recipes)]
            values = METHODS[name](task, start, draw, priors[task.data])
            means = task.lion.mean([values[budget] for budget in BUDGETS])
            regrets[i, session] = (task.lion.best - means) / task.epsilon
    return regrets


def decides_to_switch(
    task: SimulatedTask,
    start: AdamWRecipe,
    budget: int,
    prior: Prior,
    gain: float | None,
    draw: np.random.Generator,
) -> bool:
    """Whether a session of so many trials ends with "switch".

    Args:
        task: Where the trials run.
        start: The recipe.
        budget: Number of trials.
        prior: What earlier runs say.
        gain: None for Lion itself; a number for AdamW under Lion's name, better by so
            many ε.
        draw: Source of the seeds' luck.
    """
    results: list[Result] = []
    while proposal := next_proposal(start, results, budget, prior=prior):
        settings = proposal.settings
        surface, extra = task.adamw, 0.0
        if settings.optimizer == "lion" and gain is None:
            surface = task.lion
        elif settings.optimizer == "lion":
            offset = settings.offset_from(start.centers["lion"])
            settings = start.centers["adamw"].moved(offset)
            extra = (gain or 0.0) * task.epsilon
        score = surface.run(settings.learning_rate, settings.weight_decay, draw)
        results.append(Result(proposal, score + extra))
    return verdict(start, results, prior).switch


def switched_of(
    budget: int, tasks: Sequence[SimulatedTask], priors: Mapping[str, Prior]
) -> dict[str, list[float]]:
    """Control → share of sessions of each task that end with "switch"."""
    found = {}
    for gain in (None, *GAINS):
        shares = []
        for i, task in enumerate(tasks):
            switched = [
                decides_to_switch(
                    task,
                    task.recipes[session % len(task.recipes)],
                    budget,
                    priors[task.data],
                    gain,
                    np.random.default_rng([2, i, session, budget]),
                )
                for session in range(EQUAL if gain == 0 else DECISIONS)
            ]
            shares.append(round(float(np.mean(switched)), 3))
        found["lion" if gain is None else f"{gain:g}"] = shares
    return found


def interval(regrets: Array, other: Array | None = None) -> list[list[float]]:
    """Mean of capped regrets and its 95 % interval for each budget.

    The bootstrap draws tasks, and sessions of each task.

    Args:
        regrets: Shape (tasks, sessions, budgets).
        other: Regrets that are taken off, paired by task; None: none.
    """
    draw = np.random.default_rng(0)
    sides = [np.minimum(regrets, CAP)]
    if other is not None:
        sides.append(np.minimum(other, CAP))
    tasks = len(regrets)
    means = []
    for _ in range(RESAMPLES):
        chosen = draw.integers(tasks, size=tasks)
        drawn = []
        for side in sides:
            sessions = draw.integers(side.shape[1], size=(tasks, side.shape[1]))
            drawn.append(side[chosen[:, None], sessions].mean(axis=(0, 1)))
        means.append(drawn[0] - drawn[1] if other is not None else drawn[0])
    center = sides[0].mean(axis=(0, 1))
    if other is not None:
        center = center - sides[1].mean(axis=(0, 1))
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    rows = np.round(np.column_stack([center, low, high]), 3)
    return [[float(value) for value in row] for row in rows]


def described(tasks: Sequence[SimulatedTask]) -> list[dict[str, Any]]:
    """The tasks, with how much better Lion's best cell is than AdamW's, in ε."""
    return [
        {
            "task": task.name,
            "data": task.data,
            "epsilon": task.epsilon,
            "recipes": len(task.recipes),
            "gain": round((task.lion.best - task.adamw.best) / task.epsilon, 2),
        }
        for task in tasks
    ]


def on_new_tasks() -> dict[str, Any]:
    """Regrets and decisions on tasks that nothing was fitted or chosen on."""
    tasks = new_tasks()
    priors = dict.fromkeys([task.data for task in tasks], fitted_prior())
    return {
        "tasks": described(tasks),
        "regrets": {
            name: np.round(
                regrets_of(name, tasks, priors, SLOW_NEW.get(name, SESSIONS)), 2
            ).tolist()
            for name in METHODS
        },
        "switched": {
            str(budget): switched_of(budget, tasks, priors) for budget in DECIDED
        },
    }


def simulate(parts: Sequence[str]) -> None:
    """Simulate methods, by name, and decisions, by budget; the rest is kept."""
    kept: dict[str, Any] = {"regrets": {}, "switched": {}}
    if FILE.exists():
        kept = json.loads(FILE.read_text(encoding="utf-8"))
    tasks = simulated_tasks()
    priors = left_out(tasks)
    kept["tasks"] = described(tasks)
    for part in parts:
        if part == NEW:
            kept["new"] = on_new_tasks()
        elif part in METHODS:
            regrets = regrets_of(part, tasks, priors, SLOW.get(part, SESSIONS))
            kept["regrets"][part] = np.round(regrets, 2).tolist()
        else:
            kept["switched"][part] = switched_of(int(part), tasks, priors)
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        print(f"simulated {part}", flush=True)


if __name__ == "__main__":
    every = [*METHODS, *map(str, DECIDED), NEW]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="default: all")
    simulate(parser.parse_args().parts or every)
