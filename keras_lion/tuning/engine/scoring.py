"""The score of a run, its floor, and whether the run diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.tasks.task import METRICS, Task


@dataclass(frozen=True)
class Scorer:
    """Turns evaluations into scores, larger being better.

    Args:
        task: Says what the score is made of.
        labels: Class numbers of the validation examples; None where labels are none.
        initial: What the validation examples say before training.
        steps: Steps of the run.
    """

    task: Task
    labels: np.ndarray | None
    initial: Evaluation
    steps: int

    @property
    def chance(self) -> float:
        """Accuracy of chance; NaN where labels are not classes."""
        if self.labels is None or self.initial.accuracy is None:
            return math.nan
        return chance_accuracy(self.labels)

    @property
    def floor(self) -> float:
        """The score of a run that diverged: that of chance, or of no training."""
        if self.task.metric == "accuracy" and not math.isnan(self.chance):
            return self.chance
        if self.task.metric == "steps_to_target":
            return -math.log10(self.steps)
        return self.score(self.initial)

    def score(self, evaluation: Evaluation) -> float:
        """The score of one look, for metrics that do not count steps."""
        if self.task.metric == "accuracy":
            assert evaluation.accuracy is not None
            return evaluation.accuracy
        if self.task.metric == "loss":
            return -evaluation.loss
        value = evaluation.metrics[self.task.metric]
        return -value if self.task.is_negated else value

    def test_score(self, evaluation: Evaluation, reason: str | None) -> float:
        """The score on the test set; that of chance for a run that diverged."""
        if self.task.metric == "steps_to_target":
            assert evaluation.accuracy is not None
            return self.chance if reason is not None else evaluation.accuracy
        return self.floor if reason is not None else self.score(evaluation)

    def scores(self, evaluations: list[Evaluation], steps: list[int]) -> list[float]:
        """The score after every evaluation; at least the floor.

        Args:
            evaluations: What the validation examples said.
            steps: Steps that had been trained then.
        """
        floor = self.floor
        if self.task.metric != "steps_to_target":
            return [_or_floor(self.score(found), floor) for found in evaluations]
        scores, reached = [], floor
        for found, step in zip(evaluations, steps, strict=True):
            assert found.accuracy is not None
            if found.accuracy >= self.task.target and reached == floor:
                reached = -math.log10(step)
            scores.append(reached)
        return scores

    def divergence(self, final: Evaluation, *, finite: bool) -> str | None:
        """Why the run counts as diverged, or None."""
        metric = self.task.metric
        # A metric of the user's own has no known value of chance.
        known = metric in METRICS and not (
            metric == "accuracy" and math.isnan(self.chance)
        )
        return divergence_reason(
            metric=metric if known else "loss",
            finite=finite,
            final_loss=final.loss,
            initial_loss=self.initial.loss,
            final_accuracy=math.nan if final.accuracy is None else final.accuracy,
            chance=self.chance,
            num_validation=1 if self.labels is None else len(self.labels),
        )


def _or_floor(value: float, floor: float) -> float:
    return max(value, floor) if math.isfinite(value) else floor


def chance_accuracy(labels: np.ndarray) -> float:
    """Accuracy of always answering the most frequent class; none is below 0."""
    counts = np.bincount(labels[labels >= 0])
    return float(counts.max() / labels.size)


def divergence_reason(
    *,
    metric: str,
    finite: bool,
    final_loss: float,
    initial_loss: float,
    final_accuracy: float,
    chance: float,
    num_validation: int,
) -> str | None:
    """Why a run counts as diverged, or None if it does not.

    A run is diverged if a training loss or a weight is not finite; or, for accuracy, if
    its final accuracy is at most p + 2 √(p (1 − p) / n) with p the accuracy of chance
    and n the number of validation examples; or, for a loss, if its final validation
    loss is at least the initial one. Steps to a target diverge only by non-finite
    values: a target that is not reached is an `ok` run at the floor. An accurate but
    overconfident run has not diverged.

    Args:
        metric: What the score is made of.
        finite: True if all training losses and final weights are finite.
        final_loss: Validation loss after training, nats.
        initial_loss: Validation loss before training, nats.
        final_accuracy: Validation accuracy after training.
        chance: Accuracy of the most frequent class.
        num_validation: Number of validation examples.
    """
    if not finite:
        return "a training loss or a weight is not finite"
    if metric == "accuracy":
        limit = chance + 2 * math.sqrt(chance * (1 - chance) / num_validation)
        if not final_accuracy > limit:
            return (
                f"final accuracy {final_accuracy:.4g} is chance (at most {limit:.4g})"
            )
    if metric == "loss" and not final_loss < initial_loss:
        return (
            f"final validation loss {final_loss:.4g} is not below the initial "
            f"{initial_loss:.4g}"
        )
    return None
