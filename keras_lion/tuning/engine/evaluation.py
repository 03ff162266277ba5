"""What examples show of some weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evaluation:
    """What the held-out examples show of some weights."""

    loss: float  # mean over the examples; nats for a cross-entropy
    accuracy: float | None  # None where outputs are not scores of classes
    finite: bool  # every weight is
    metrics: Mapping[str, float] = field(default_factory=dict)
