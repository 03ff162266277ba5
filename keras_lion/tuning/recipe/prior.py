"""What earlier runs say before the first trial: fitted numbers, read from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from keras_lion.tuning.recipe.proposal import Offset

FILE = Path(__file__).with_name("prior.json")


@dataclass(frozen=True)
class SearchPrior:
    """An order of trials, and a Gaussian process: the same for both optimizers.

    Scores are compressed as `model.compressed` does. Coordinates are pace, log10 of
    the product of the factors on learning rate and weight decay, and size, log10 of
    their quotient, both relative to the first trial.

    Attributes:
        order: (learning rate, weight decay) offsets of the first trials.
        optimum: Pace and size at which the mean is largest.
        curvature: Of the mean, along pace, along size, and their product.
        lengths: Of the kernel, along pace and size.
        amplitude: Standard deviation of the deviations from the mean.
        noise: Standard deviation of seeds.
    """

    order: tuple[Offset, ...]
    optimum: tuple[float, float]
    curvature: tuple[float, float, float]
    lengths: tuple[float, float]
    amplitude: float
    noise: float


@dataclass(frozen=True)
class NoisePrior:
    """The standard deviation of seeds, before any repeat: scaled inverse χ².

    Attributes:
        share: Of the median distance of the trials from the best one.
        degrees: How many degrees of freedom this knowledge is worth.
    """

    share: float
    degrees: float


@dataclass(frozen=True)
class Prior:
    """All that earlier runs say."""

    search: SearchPrior
    noise: NoisePrior

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Prior:
        """The prior of a file's content."""
        search = content["search"]
        return cls(
            search=SearchPrior(
                order=tuple((rate, decay) for rate, decay in search["order"]),
                optimum=tuple(search["optimum"]),
                curvature=tuple(search["curvature"]),
                lengths=tuple(search["lengths"]),
                amplitude=search["amplitude"],
                noise=search["noise"],
            ),
            noise=NoisePrior(**content["noise"]),
        )


@cache
def fitted_prior() -> Prior:
    """The prior of the whole public table, which `studies/recipe_prior.py` writes."""
    return Prior.from_json(json.loads(FILE.read_text(encoding="utf-8")))
