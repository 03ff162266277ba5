"""Small training problems whose outcome is the fitness of a program.

Data, initial weights and the order of the batches follow from a proxy's fields alone,
so that fitness is a function of what a program computes and a cache of it is exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_lion.discovery.search.network import Array, Network

VALIDATION_EXAMPLES = 512

Examples = tuple[np.ndarray, np.ndarray]  # inputs, class numbers
Source = Callable[[np.random.Generator, int], Examples]


@dataclass(frozen=True)
class Proxy:
    """A training problem that takes milliseconds.

    Attributes:
        name: Its name in `PROXIES`.
        source: Key of `SOURCES`: where examples come from.
        hidden: Units of each hidden layer.
        scales: One factor a layer, see `Network`.
        linear: True for layers without ReLU.
        batch_size: Examples a step.
        steps: Steps of training. The learning rate falls from 1 to 0 along a cosine.
        label_noise: Share of the training labels that are drawn anew.
        train_examples: Number of training examples.
        seed: Decides examples, label noise, initial weights and order.
    """

    name: str
    source: str
    hidden: tuple[int, ...] = ()
    scales: tuple[float, ...] = (1.0,)
    linear: bool = False
    batch_size: int = 32
    steps: int = 100
    label_noise: float = 0.0
    train_examples: int = 900
    seed: int = 0

    def scaled(self, factor: float) -> Proxy:
        """The same problem with `factor` times the compute, split evenly.

        Hidden layers and the number of steps each grow by the root of the factor.
        Without a hidden layer only the steps grow.
        """
        root = factor**0.5 if self.hidden else factor
        return replace(
            self,
            name=f"{self.name}_x{factor:g}",
            hidden=tuple(round(units * root) for units in self.hidden),
            steps=round(self.steps * root),
        )

    def with_seed(self, seed: int) -> Proxy:
        """The same problem with other examples, weights and order."""
        return replace(self, seed=seed)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Proxy:
        """The proxy whose fields were written as JSON, which knows no tuples."""
        tuples = {name: tuple(value[name]) for name in ("hidden", "scales")}
        return cls(**{**value, **tuples})


@dataclass(frozen=True, eq=False)
class Problem:
    """What a proxy's fields stand for, as arrays."""

    network: Network
    weights: Array  # initial, one vector
    x: Array  # inputs of every step, (steps, batch_size, inputs)
    y: Array  # their labels, one-hot
    x_validation: Array  # what fitness is measured on
    y_validation: Array  # one-hot, without label noise
    initial_loss: float  # of the initial weights, on the validation examples


@functools.lru_cache(maxsize=32)
def problem_of(proxy: Proxy) -> Problem:
    """Build a proxy's arrays, once in every process."""
    # One stream each: a longer training sees the same examples and weights.
    data, noise, weights, order = (
        np.random.default_rng(sequence)
        for sequence in np.random.SeedSequence(proxy.seed).spawn(4)
    )
    count = proxy.train_examples
    x, classes = SOURCES[proxy.source](data, count + VALIDATION_EXAMPLES)
    num_classes = int(classes.max()) + 1
    one_hot = np.eye(num_classes, dtype=np.float32)
    noisy = classes.copy()
    wrong = noise.random(len(classes)) < proxy.label_noise
    noisy[wrong] = noise.integers(num_classes, size=int(wrong.sum()))
    batches = _batches(order, count, proxy.batch_size, proxy.steps)
    x = x.astype(np.float32)
    network = Network(
        (x.shape[1], *proxy.hidden, num_classes), proxy.scales, proxy.linear
    )
    start = network.initial(weights)
    validation = x[count:], one_hot[classes[count:]]
    loss = network.loss(network.tensors(start), *validation)
    training = x[batches], one_hot[noisy[batches]]
    return Problem(network, start, *training, *validation, loss)


def _batches(
    generator: np.random.Generator, count: int, batch_size: int, steps: int
) -> np.ndarray:
    a_epoch = count // batch_size
    epochs = -(-steps // a_epoch)
    rows = [generator.permutation(count)[: a_epoch * batch_size] for _ in range(epochs)]
    return np.concatenate(rows).reshape(-1, batch_size)[:steps]


def _heavy_tails(generator: np.random.Generator, count: int) -> Examples:
    """Two classes by a random plane; rare examples are very long.

    Lengths follow a t distribution with 2 degrees of freedom, so that the gradient's
    variance is dominated by a few examples.
    """
    inputs = 32
    plane = generator.normal(size=inputs)
    x = generator.normal(size=(count, inputs))
    margin = x @ plane / np.sqrt(inputs)
    classes = (margin + 0.5 * generator.normal(size=count) > 0).astype(int)
    lengths = np.abs(generator.standard_t(2, size=(count, 1)))
    return x * lengths, classes


def _digits(generator: np.random.Generator, count: int) -> Examples:
    """Handwritten digits, 8 × 8 pixels; the validation examples are other digits."""
    from keras_lion.tuning.tasks.datasets import digits

    data = digits.load()
    chosen = generator.permutation(len(data.x))[:count]
    return data.x[chosen], data.y[chosen].astype(int)


def _bags(generator: np.random.Generator, count: int) -> Examples:
    """Bags of words with Zipf's frequencies, as counts: most words are rare.

    Every word votes for one of four classes, and the majority names the class.
    """
    words, length, classes = 128, 12, 4
    frequency = 1.0 / np.arange(1, words + 1)
    vote = generator.integers(classes, size=words)
    bags = generator.choice(words, p=frequency / frequency.sum(), size=(count, length))
    x = np.zeros((count, words))
    np.add.at(x, (np.arange(count)[:, None], bags), 1.0)
    # Frequent words say little: a vote weighs as much as its word is rare.
    votes = x @ (np.eye(classes)[vote] * np.sqrt(np.arange(1, words + 1))[:, None])
    return x, votes.argmax(axis=1)


SOURCES: Mapping[str, Source] = {
    "heavy_tails": _heavy_tails,
    "digits": _digits,
    "bags": _bags,
}

# `digits` needs scikit-learn, the others nothing but NumPy.
PROXIES: Mapping[str, Proxy] = {
    proxy.name: proxy
    for proxy in (
        Proxy("heavy_tailed_logistic", "heavy_tails", label_noise=0.1, batch_size=8),
        Proxy("noisy_digits", "digits", (24,), (1.0, 1.0), label_noise=0.3),
        Proxy("badly_scaled_digits", "digits", (24,), (10.0, 0.1)),
        Proxy("embedding_bags", "bags", (8,), (1.0, 1.0), linear=True),
    )
}
