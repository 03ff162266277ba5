"""Whether larger or smaller values of a metric are better, as its name implies."""

from __future__ import annotations

import re
from typing import Literal

Direction = Literal["max", "min"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOWER = _words(
    "loss losses error err rmse mse mae mape msle perplexity ppl nll wer cer bpb bpc "
    "brier ece regret hinge kld poisson"
)
HIGHER = _words(
    "acc accuracy auc auroc f1 r2 score precision recall bleu iou miou dice ndcg mcc "
    "reward top1 top5 sensitivity specificity correlation similarity"
)
_LONG_LOWER = re.compile(r"loss|error|perplexity|cross_?entropy|divergence")
_LONG_HIGHER = re.compile(r"accuracy|io_?u$")
_NEGATED = {"neg", "negative", "minus"}


def direction_of(name: str) -> Direction | None:
    """Whether larger values are better; None if the name implies neither, or both.

    Args:
        name: Words joined by anything but letters and digits, or in camel case:
            `val_loss`, `RootMeanSquaredError`.
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    snake = re.sub(r"[^a-z0-9]+", "_", snake)
    words = set(snake.split("_"))
    if words & _NEGATED:
        return None
    lower = bool(words & LOWER or _LONG_LOWER.search(snake))
    higher = bool(words & HIGHER or _LONG_HIGHER.search(snake))
    if lower == higher:
        return None
    return "min" if lower else "max"
