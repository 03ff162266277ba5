"""An AdamW recipe, the trials proposed from it, and their results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from keras_lion.optimizers.from_adamw.conversion_rule import KERAS_DECAY, convert_adamw

OptimizerName = Literal["lion", "adamw"]
Kind = Literal["start", "search", "betas", "repeat"]
Offset = tuple[float, float]  # log10 of factors on learning rate and weight decay


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of an optimizer."""

    optimizer: OptimizerName
    learning_rate: float
    weight_decay: float
    beta_1: float
    beta_2: float

    def moved(self, offset: Offset) -> Settings:
        """With learning rate and weight decay times 10 to the offsets, to 3 digits."""
        rate, decay = offset
        return Settings(
            self.optimizer,
            _digits(self.learning_rate * 10**rate),
            _digits(self.weight_decay * 10**decay),
            self.beta_1,
            self.beta_2,
        )

    def offset_from(self, center: Settings) -> Offset:
        """What `center.moved` needs to give these settings, to rounding.

        No weight decay counts as a tenth of the center's.
        """
        decay = self.weight_decay or center.weight_decay / 10
        return (
            math.log10(self.learning_rate / center.learning_rate),
            math.log10(decay / center.weight_decay),
        )

    def code(self) -> str:
        """A line of Python that makes the optimizer."""
        name = {"lion": "Lion", "adamw": "keras.optimizers.AdamW"}[self.optimizer]
        return (
            f"{name}(learning_rate={self.learning_rate:.3g}, "
            f"weight_decay={self.weight_decay:.3g}, "
            f"beta_1={self.beta_1:g}, beta_2={self.beta_2:g})"
        )


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


@dataclass(frozen=True)
class AdamWRecipe:
    """The hyperparameters of an AdamW that works.

    Attributes:
        learning_rate: A number; of a schedule its peak.
        weight_decay: λ, which the learning rate multiplies. With 0, AdamW's first trial
            has none, and all others start from Keras's 0.004: a search on a log scale
            needs a start.
        beta_1: β₁ of AdamW.
        beta_2: β₂ of AdamW.
        steps: Steps of the training, for the reasons that are printed.
        batch_size: The same.
    """

    learning_rate: float
    weight_decay: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    steps: int | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        convert_adamw(  # checks the values
            self.learning_rate, self.weight_decay, self.beta_1, self.beta_2
        )

    @cached_property
    def centers(self) -> dict[OptimizerName, Settings]:
        """What the trials of each optimizer are relative to."""
        decay = self.weight_decay or KERAS_DECAY
        lion = convert_adamw(
            self.learning_rate, decay, self.beta_1, self.beta_2, mode="matched"
        )
        rate = lion.learning_rate or self.learning_rate
        return {
            "adamw": Settings(
                "adamw", self.learning_rate, decay, self.beta_1, self.beta_2
            ),
            "lion": Settings(
                "lion", rate, lion.weight_decay, lion.beta_1, lion.beta_2
            ).moved((0.0, 0.0)),
        }


@dataclass(frozen=True)
class Proposal:
    """One trial.

    Attributes:
        settings: The optimizer's hyperparameters.
        kind: `"start"`: the recipe itself, or its conversion; `"search"`: other values
            of learning rate and weight decay; `"betas"`: other betas; `"repeat"`: the
            best settings so far with another seed.
        seed: Trials of one seed start from the same weights and see the same batches.
        reason: Why, in a sentence.
        fixed: Whether it is the same whatever the results are.
    """

    settings: Settings
    kind: Kind
    seed: int
    reason: str
    fixed: bool = False


@dataclass(frozen=True)
class Result:
    """A proposal and what came of it.

    Attributes:
        proposal: What was tried.
        score: The objective, mapped so that larger is better; None while the trial
            runs, NaN if it diverged or failed.
    """

    proposal: Proposal
    score: float | None

    @property
    def finished(self) -> bool:
        """Whether the score is a finite number."""
        return self.score is not None and math.isfinite(self.score)
