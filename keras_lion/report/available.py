"""What a section has, and so which figures apply to it."""

from __future__ import annotations

from collections.abc import Mapping

from keras_lion.report.material import Material
from keras_lion.robustness.grid import has_lines, with_decay


def several_cells(material: Material) -> bool:
    """Whether an optimizer has more than one cell."""
    return any((each.num_seeds > 0).sum() > 1 for each in material.measured.values())


def several_decays(material: Material) -> bool:
    """Whether an optimizer has more than one positive weight decay."""
    return any((each.weight_decay > 0).sum() > 1 for each in material.measured.values())


def some_diverged(material: Material) -> bool:
    """Whether a run diverged."""
    every = material.landscapes[material.value].values()
    return any(each.num_diverged.any() for each in every)


def two_alike(material: Material) -> bool:
    """Whether there are two optimizers on grids of one shape."""
    shapes = {
        (int((each.weight_decay > 0).sum()), len(each.learning_rate))
        for each in material.measured.values()
    }
    return len(material.measured) == 2 and len(shapes) == 1 and shapes != {(1, 1)}


def lion_and_adamw(material: Material) -> bool:
    """Whether a run of both trained."""
    return {"lion", "adamw"} <= set(material.measured)


def has_losses(material: Material) -> bool:
    """Whether every finished run has a history with the validation loss."""
    if "history" not in material.runs or not material.measured:
        return False
    finished = material.runs[material.runs["status"] != "failed"]
    # Every cell may be the one that is shown.
    return all(
        isinstance(each, Mapping) and {"epoch", "loss"} <= set(each)
        for each in finished["history"]
    )


def counts_steps(material: Material) -> bool:
    """Whether scores are steps to a target, on a grid with lines of one η·λ."""
    return material.metric == "steps_to_target" and any(
        (each.weight_decay > 0).any() and has_lines(with_decay(each))
        for each in material.measured.values()
    )
