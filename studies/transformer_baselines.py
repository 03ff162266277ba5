"""How well do counts of characters predict Python source, on the split of a study?

Question   A loss of a language model says little by itself: what do a bigram and a
           trigram model reach on the same examples?
Command    python studies/transformer_baselines.py
Duration   10 seconds
Result     studies/results/transformers/baselines.json

Counts of the training examples, interpolated with the next shorter context,

    p(c | context) = (count(context, c) + α p(c | shorter)) / (count(context) + α)

with the α that is best on the validation examples: in favor of the counts.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from keras_lion.tuning import Data
from studies.arguments import no_options

RESULT = Path(__file__).parent / "results/transformers/baselines.json"
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # α
ORDERS = {"unigram": 1, "bigram": 2, "trigram": 3}


def symbols(text: np.ndarray, labels: np.ndarray, order: int, size: int) -> np.ndarray:
    """The context of each label as one number, shape (windows, length).

    What lies before a window is a symbol of its own.
    """
    count, length = labels.shape
    context = np.zeros((count, length), dtype=np.int64)
    for back in range(1, order):
        before = np.full((count, length), size)
        before[:, back - 1 :] = text[:, : length - back + 1]
        context = context * (size + 1) + before
    return context


def losses(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    size: int,
    strength: float,
) -> dict[str, float]:
    """Nats per character of each order on the validation examples."""
    labels, held_out = train[1].ravel(), validation[1].ravel()
    table = np.full((1, size), 1 / size)  # context of the shorter order → p(c)
    shorter = np.zeros(1, dtype=np.int64)
    found = {}
    for name, order in ORDERS.items():
        contexts = symbols(*train, order, size).ravel()
        asked = symbols(*validation, order, size).ravel()
        known, index = np.unique(np.concatenate([contexts, asked]), return_inverse=True)
        counts = np.zeros((len(known), size))
        np.add.at(counts, (index[: len(labels)], labels), 1)
        # The shorter context lacks the symbol farthest back, the lowest digit.
        parent = np.searchsorted(shorter, known // (size + 1))
        total = counts.sum(axis=1, keepdims=True)
        table = (counts + strength * table[parent]) / (total + strength)
        shorter = known
        found[name] = -float(np.log(table[index[len(labels) :], held_out]).mean())
    return found


def baselines(
    data: Data, train: np.ndarray, validation: np.ndarray, size: int
) -> dict[str, float]:
    """The loss of each order, at the α that is best on the validation examples."""
    seen, held_out = ((data.x[each], data.y[each]) for each in (train, validation))
    each_strength = [losses(seen, held_out, size, strength) for strength in STRENGTHS]
    return {name: min(found[name] for found in each_strength) for name in ORDERS}


def main() -> None:
    """Compute, print and keep the baselines."""
    from studies.transformer_network import VOCABULARY, ascii_windows, by_module

    data = ascii_windows()
    split = by_module(data, np.random.default_rng())
    found = baselines(data, *split, VOCABULARY)
    for name, value in found.items():
        print(f"{name}: {value:.3f} nats per character")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    rounded = {name: round(value, 4) for name, value in found.items()}
    RESULT.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    no_options(__doc__)
    main()
