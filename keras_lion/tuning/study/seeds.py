"""What a seed decides, drawn from (study, task, seed) and never from a configuration.

Runs of two optimizers with one seed therefore share the split, the initial weights and
the order of the data: they are paired.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RunSeeds:
    """Independent sources of randomness for one run."""

    split: np.random.SeedSequence
    weights: np.random.SeedSequence
    order: np.random.SeedSequence

    @property
    def model_seed(self) -> int:
        """The number for `keras.utils.set_random_seed` before the model is built."""
        return int(self.weights.generate_state(1, np.uint32)[0])


def run_seeds(study: str, task: str, seed: int) -> RunSeeds:
    """The randomness of a run.

    Args:
        study: Name of the study.
        task: Name of the task.
        seed: Number of the seed, 0 or more.
    """
    if seed < 0:
        raise ValueError(f"A seed is a whole number from 0 up. Received: {seed}.")
    name = hashlib.sha256(f"{study}\0{task}".encode()).digest()
    entropy = int.from_bytes(name[:16], "little")
    sequence = np.random.SeedSequence(entropy, spawn_key=(seed,))
    return RunSeeds(*sequence.spawn(3))


def check_batch_size(batch_size: int, train_examples: int) -> None:
    """Refuse a batch that is larger than the training set."""
    if batch_size > train_examples:
        raise ValueError(
            f"A batch of {batch_size} needs as many training examples; there are "
            f"{train_examples}. Choose a smaller batch_size."
        )


def data_order(
    sequence: np.random.SeedSequence,
    train: np.ndarray,
    epochs: int | None,
    batch_size: int,
    steps: int | None = None,
) -> np.ndarray:
    """Indices of every step: each epoch a new permutation, its last remainder dropped.

    Args:
        sequence: Where the permutations come from.
        train: Indices of the training examples, shape `(n,)`.
        epochs: Number of whole epochs; None: as many as `steps` needs.
        batch_size: Examples per step, at most n.
        steps: Number of steps, the last epoch cut; None: all of `epochs`.

    Returns:
        Shape `(steps, batch_size)`, int32.
    """
    check_batch_size(batch_size, len(train))
    a_epoch = len(train) // batch_size
    if epochs is None:
        assert steps is not None
        epochs = -(-steps // a_epoch)
    generator = np.random.default_rng(sequence)
    epochs_of_indices = [
        generator.permutation(train)[: a_epoch * batch_size] for _ in range(epochs)
    ]
    order = np.concatenate(epochs_of_indices).reshape(-1, batch_size)
    return order[:steps].astype(np.int32)
