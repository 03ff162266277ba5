"""The learning rate over a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Decay = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up to the peak, then cosine decay or a constant.

    With T steps, of which W = round(warmup · T) warm up, step t = 0 … T − 1 has

        s_t = (t + 1) / W                                   for t < W
        s_t = ½ (1 + cos(π (t − W + 1) / (T − W + 1)))      afterwards, or 1

    and the learning rate η s_t. No step has rate 0, so none is lost.

    Args:
        warmup: Share of the steps that warm up, in [0, 1).
        decay: What follows: `"cosine"` or `"constant"`.

    Raises:
        ValueError: If an argument is out of range.
    """

    warmup: float = 0.05
    decay: Decay = "cosine"

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise ValueError(
                f"`warmup` is a share of the steps in [0, 1). Received: {self.warmup}."
            )
        if self.decay not in ("cosine", "constant"):
            raise ValueError(
                "`decay` must be 'cosine' or 'constant'. "
                f"Received: decay={self.decay!r}."
            )

    def __str__(self) -> str:
        return f"{self.decay}, warm-up {self.warmup:g}"

    def factors(self, steps: int) -> np.ndarray:
        """s_t of every step, shape `(steps,)`, float64."""
        warm = round(self.warmup * steps)
        t = np.arange(steps)
        after = np.ones(steps)
        if self.decay == "cosine":
            after = 0.5 * (1 + np.cos(np.pi * (t - warm + 1) / (steps - warm + 1)))
        return np.where(t < warm, (t + 1) / max(warm, 1), after)
