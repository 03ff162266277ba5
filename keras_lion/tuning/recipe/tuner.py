"""A KerasTuner tuner from an AdamW recipe to a recommendation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.optimizers import schedules

from keras_lion.optimizers.hyperparameters import peak_of
from keras_lion.tuning.kerastuner import FailedTrialError, HyperParameters, Tuner
from keras_lion.tuning.recipe.compiled import set_optimizer
from keras_lion.tuning.recipe.oracle import DIVERGED, NAMES, RecipeOracle
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Settings
from keras_lion.tuning.recipe.recommendation import (
    Measured,
    Recommendation,
    recommendation,
)
from keras_lion.tuning.recipe.stopping import TrialWatch

ANOTHER = (
    "Name another folder for a new search (`project_name=`, on the command line "
    "`--output`), or pass `overwrite=True`."
)


class RecipeTuner(Tuner):
    """From an AdamW recipe that works to Lion's, or to "stay with AdamW".

    The first trial is Lion at the converted values, the second AdamW's recipe. Then
    both optimizers get the same trials around their first one: first in the order that
    lowered regret most in earlier studies, then where a Gaussian process expects the
    largest improvement. The last trials repeat the best of both with other seeds, so
    that noise is not taken for a difference.

    It is a tuner of KerasTuner: `search`, callbacks, resuming and distributed search
    work as there. The model's own hyperparameters stay at their defaults. Every trial
    trains the compiled model with the optimizer replaced; its clipping, moving average,
    gradient accumulation, loss scaling and variables without weight decay are kept.

    Args:
        hypermodel: `build_model(hp)` that returns a compiled model, or a
            `keras_tuner.HyperModel`.
        learning_rate: AdamW's: a number, or a `LearningRateSchedule`, all rates of
            which are scaled alike.
        weight_decay: AdamW's λ, 0 for none.
        beta_1: AdamW's β₁.
        beta_2: AdamW's β₂.
        steps: Steps of the training.
        batch_size: Examples in a batch.
        objective: What is compared: the name of a metric, or a `keras_tuner.Objective`
            where the direction cannot be told from the name.
        max_trials: Number of trials of both optimizers together. With fewer than 4
            nothing is repeated, and hardly any difference counts as shown.
        compare: Whether half of the trials are AdamW's. If not, all look for Lion's
            best values, and there is no verdict.
        stop_hopeless: Whether a trial ends early where its best value so far is below
            the median of the earlier trials.
        **tuner_arguments: Arguments of `keras_tuner.Tuner`, such as `directory`,
            `project_name` and `overwrite`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    from keras_lion.tuning import RecipeTuner

    tuner = RecipeTuner(
        build_model, learning_rate=1e-3, weight_decay=0.1, max_trials=8
    )
    tuner.search(x, y, validation_split=0.2, epochs=10)
    print(tuner.recommendation())
    ```
    """

    def __init__(
        self,
        hypermodel: Callable[[Any], Any] | Any,
        *,
        learning_rate: Any,
        weight_decay: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        steps: int | None = None,
        batch_size: int | None = None,
        objective: Any = "val_loss",
        max_trials: int = 8,
        compare: bool = True,
        stop_hopeless: bool = True,
        **tuner_arguments: Any,
    ) -> None:
        if not isinstance(max_trials, int) or max_trials < 1:
            raise ValueError(
                "`max_trials` must be a whole number of 1 or more. "
                f"Received: max_trials={max_trials!r}."
            )
        self._schedule = None
        if isinstance(learning_rate, schedules.LearningRateSchedule):
            self._schedule = learning_rate
            learning_rate = peak_of(learning_rate)
        recipe = AdamWRecipe(
            learning_rate, weight_decay, beta_1, beta_2, steps, batch_size
        )
        self._recipe = recipe
        self._compare = compare
        self._stop_hopeless = stop_hopeless
        # Of finished trials: trial id → what the watch recorded.
        self._watched: dict[str, dict[str, Any]] = {}
        oracle = RecipeOracle(recipe, objective, max_trials, compare)
        super().__init__(oracle, hypermodel, **tuner_arguments)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run the trials; the arguments are those of `model.fit`.

        Raises:
            ValueError: If earlier trials of the project trained another model.
        """
        self._check_model()
        self.save()  # so that the first trial can be resumed as well
        super().search(*fit_args, **fit_kwargs)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train the model of one trial."""
        values = trial.hyperparameters.values
        others = None
        if self._stop_hopeless and values["kind"] in ("search", "betas"):
            others = [
                watched["curve"]
                for trial_id, watched in sorted(self._watched.items())
                if trial_id != trial.trial_id
            ]
        objective = self.oracle.objective
        watch = TrialWatch(objective.name, self._sign, others)
        callbacks = [*(kwargs.pop("callbacks", None) or []), watch]
        results = super().run_trial(trial, *args, callbacks=callbacks, **kwargs)
        self._watched[trial.trial_id] = {
            "curve": watch.curve,
            "seconds": watch.seconds,
            "optimizer": values["optimizer"],
            "parameters": watch.parameters,
        }
        if watch.curve and not np.isfinite(watch.curve).any():
            raise FailedTrialError(DIVERGED)
        return results

    def _check_model(self) -> None:
        """Refuse a model of another size than that of the trials before."""
        known = {each["parameters"] for each in self._watched.values()}
        if not known:
            return
        model = self.hypermodel.build(HyperParameters())
        own = sum(math.prod(v.shape) for v in model.trainable_variables)
        if model.built and {own} != known:
            numbers = " or ".join(f"{each:,}" for each in sorted(known))
            raise ValueError(
                f"The trials in {self.project_dir} trained a model of {numbers} "
                f"parameters. This one has {own:,}. {ANOTHER}"
            )

    def _build_hypermodel(self, hp: Any) -> Any:
        values = hp.values
        # Trials of one seed start from the same weights and see the same batches.
        keras.utils.set_random_seed(1 + values["seed"])
        model = super()._build_hypermodel(hp)
        settings = Settings(**{name: values[name] for name in NAMES})
        set_optimizer(model, settings, self._schedule, self._recipe.learning_rate)
        return model

    def recommendation(self) -> Recommendation:
        """What to use, after all trials or some of them.

        Raises:
            ValueError: If no trial has a score, or this is a worker of a distributed
                search.
        """
        if self._is_worker():
            raise ValueError(
                "A worker does not know the other workers' results. Call "
                "`recommendation()` in a tuner of the same project without the "
                "KERASTUNER_ environment variables."
            )
        return recommendation(
            self._recipe,
            self.oracle.results(),
            objective=self.oracle.objective.name,
            sign=self._sign,
            compare=self._compare,
            scheduled=self._schedule is not None,
            measured=self._measured(),
        )

    @property
    def _sign(self) -> float:
        return -1.0 if self.oracle.objective.direction == "min" else 1.0

    def _measured(self) -> Measured:
        seconds: dict[str, list[float]] = {}
        for watched in self._watched.values():
            seconds.setdefault(watched["optimizer"], []).extend(watched["seconds"][1:])
        return Measured(
            {name: statistics.median(each) for name, each in seconds.items() if each},
            max((each["parameters"] for each in self._watched.values()), default=0),
        )

    def _asked(self) -> dict[str, Any]:
        """What all trials of a project have in common, as JSON keeps it."""
        recipe, objective = self._recipe, self.oracle.objective
        asked = {
            "learning_rate": float(recipe.learning_rate),
            "weight_decay": float(recipe.weight_decay),
            "beta_1": float(recipe.beta_1),
            "beta_2": float(recipe.beta_2),
            "objective": objective.name,
            "direction": objective.direction,
            "compare": self._compare,
        }
        if self._schedule is not None:
            asked["schedule"] = repr(self._schedule.get_config())
        return asked

    def get_state(self) -> dict[str, Any]:
        """What is kept for resuming, next to the oracle's."""
        return {"watched": self._watched, "asked": self._asked()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` returned.

        Raises:
            ValueError: If the trials are of another recipe.
        """
        before, now = state.get("asked", {}), self._asked()
        if changed := [name for name in before if before[name] != now.get(name)]:
            told = ", ".join(
                f"{name} {before[name]} (now {now.get(name)})" for name in changed
            )
            raise ValueError(
                f"The trials in {self.project_dir} are of another recipe: {told}. "
                f"{ANOTHER}"
            )
        self._watched = dict(state.get("watched", {}))
