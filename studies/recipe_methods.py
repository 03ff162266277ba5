"""Ways to find Lion's values with k trials, on a simulated task.

Each returns the (learning rate, weight decay) that it would recommend after 1, 2, 4, 8
and 16 trials. All search the same window, a decade on both sides of the converted
values, and all but the recipe recommend the trial with the best score.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_lion.optimizers.from_adamw.conversion_rule import convert_adamw
from keras_lion.tuning.kerastuner import BAYESIAN, OBJECTIVE, Objective
from keras_lion.tuning.recipe.model import REACH
from keras_lion.tuning.recipe.plan import best_settings, next_proposal
from keras_lion.tuning.recipe.prior import Prior
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Offset, Result
from studies.recipe_surfaces import SimulatedTask

BUDGETS = (1, 2, 4, 8, 16)

Values = tuple[float, float]
Found = dict[int, Values]
Method = Callable[[SimulatedTask, AdamWRecipe, np.random.Generator, Prior], Found]


def recipe(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """`keras-lion recipe`, all trials for Lion."""
    found = {}
    for budget in BUDGETS:
        results: list[Result] = []
        while proposal := next_proposal(
            start, results, budget, compare=False, prior=prior
        ):
            settings = proposal.settings
            score = task.lion.run(settings.learning_rate, settings.weight_decay, draw)
            results.append(Result(proposal, score))
        best = best_settings("lion", start, results, prior)
        if best is not None:
            found[budget] = (best.learning_rate, best.weight_decay)
    return found


def random_search(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """Uniform in the logarithms."""
    offsets = draw.uniform(-REACH, REACH, (BUDGETS[-1], 2))
    tried = [_moved(start, (rate, decay)) for rate, decay in offsets]
    return _prefixes(task, tried, draw)


def bayesian(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """KerasTuner's BayesianOptimization, its defaults."""
    from keras_tuner import HyperParameters

    hp = HyperParameters()
    for name in ("learning_rate", "weight_decay"):
        hp.Float(name, -REACH, REACH)
    oracle = BAYESIAN(
        objective=Objective(OBJECTIVE, "max"),
        max_trials=BUDGETS[-1],
        seed=int(draw.integers(1, 2**31)),
        hyperparameters=hp,
    )
    oracle.verbose = 0
    oracle.save = oracle._save_trial = lambda *_: None
    tried, scores = [], []
    for _ in range(BUDGETS[-1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's optimizer of the kernel
            trial = oracle.create_trial("tuner0")
        offset = trial.hyperparameters.values
        values = _moved(start, (offset["learning_rate"], offset["weight_decay"]))
        tried.append(values)
        scores.append(task.lion.run(*values, draw))
        oracle.update_trial(trial.trial_id, {OBJECTIVE: scores[-1]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return {k: tried[int(np.argmax(scores[:k]))] for k in BUDGETS}


def rule_of_thumb(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """Learning rate ÷ r, weight decay × r, r spaced from 3 to 10; 5.6 alone."""
    found = {}
    for budget in BUDGETS:
        ratios = [10**0.75] if budget == 1 else np.logspace(0.5, 1, budget)
        tried = []
        for ratio in ratios:
            lion = convert_adamw(
                start.learning_rate, start.weight_decay, ratio=float(ratio)
            )
            tried.append((lion.learning_rate or 0.0, lion.weight_decay))
        found[budget] = _best(task, tried, draw)
    return found


def matched(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """The converted values, whatever the budget."""
    return dict.fromkeys(BUDGETS, _moved(start, (0.0, 0.0)))


def rate_sweep(
    task: SimulatedTask, start: AdamWRecipe, draw: np.random.Generator, prior: Prior
) -> Found:
    """Learning rates spaced over the window, at the converted weight decay."""
    found = {}
    for budget in BUDGETS:
        offsets = [0.0] if budget == 1 else np.linspace(-REACH, REACH, budget)
        tried = [_moved(start, (float(rate), 0.0)) for rate in offsets]
        found[budget] = _best(task, tried, draw)
    return found


METHODS: Mapping[str, Method] = {
    "recipe": recipe,
    "random search": random_search,
    "BayesianOptimization": bayesian,
    "ratio of 3 to 10": rule_of_thumb,
    "matched alone": matched,
    "learning rate sweep": rate_sweep,
}


def _moved(start: AdamWRecipe, offset: Offset) -> Values:
    settings = start.centers["lion"].moved(offset)
    return settings.learning_rate, settings.weight_decay


def _best(
    task: SimulatedTask, tried: Sequence[Values], draw: np.random.Generator
) -> Values:
    scores = [task.lion.run(*values, draw) for values in tried]
    return tried[int(np.argmax(scores))]


def _prefixes(
    task: SimulatedTask, tried: Sequence[Values], draw: np.random.Generator
) -> Found:
    scores = [task.lion.run(*values, draw) for values in tried]
    return {k: tried[int(np.argmax(scores[:k]))] for k in BUDGETS}
