"""Whether a run diverged, and why. Divergence is an outcome with a score, the floor."""

from __future__ import annotations

import math

import numpy as np


def chance_accuracy(labels: np.ndarray) -> float:
    """Accuracy of always answering the most frequent class."""
    counts = np.bincount(labels.ravel())
    return float(counts.max() / counts.sum())


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
