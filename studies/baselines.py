"""What do trivial models reach on the data of the tasks?

Command    python studies/baselines.py
Duration   about 3 minutes on 2 cores, most of it Fashion-MNIST
Result     studies/results/baselines.json

Pictures and signals: the most frequent class, and logistic regression on standardized
inputs. Text: the frequencies of single bytes, of bytes after one byte (bigram) and
after two (trigram), smoothed towards the shorter context. Training and validation
examples are those of the main study's seeds, and strengths of regularization and
smoothing are chosen on validation examples, as learning rate and weight decay are. A
task whose best result does not reach the best of these decides no claim.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_lion.statistics import t_interval
from keras_lion.tuning.study.seeds import run_seeds
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Data, Split, Task
from studies.arguments import no_options
from studies.claims import RESULTS, Entry, entry, keep, show

FILE = RESULTS / "baselines.json"
SPLITS_OF = "learning_rate_weight_decay"
# One task for each data set, and the seeds: logistic regression is slow on pictures.
TASKS = {
    "mnist1d_mlp": 6,
    "digits_mlp": 6,
    "fashion_mnist_mlp": 3,
    "python_lm": 6,
}
# Inverse strengths of L2 regularization; few on 50,000 pictures.
STRENGTHS = {"fashion_mnist": (1e-3, 1e-2)}
USUAL_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
# Weight of the shorter context, in observations.
SMOOTHING = (0.3, 1.0, 3.0, 10.0, 30.0)
ITERATIONS = 100

Scores = dict[str, tuple[float, float]]  # model → accuracy and loss in nats
Array = np.ndarray[Any, Any]


def data_set(task: Task) -> str:
    """Name of the data that a task trains on, the same for every task that does."""
    function = getattr(task.data, "func", task.data)
    return str(function.__module__.rpartition(".")[2])


def splits(name: str, seeds: int) -> Iterator[tuple[Data, Split]]:
    """The data of a task with the examples of each of the main study's seeds."""
    task = get_task(name)
    data = task.data()
    for seed in range(seeds):
        generator = np.random.default_rng(run_seeds(SPLITS_OF, name, seed).split)
        yield data, task.split(data, generator)


def classifiers(data: Data, split: Split, strengths: tuple[float, ...]) -> Scores:
    """The most frequent class and logistic regression, on the validation examples."""
    x = np.asarray(data.x, "float32").reshape(len(data.y), -1)
    labels = data.y
    train, validation = split.train, split.validation
    shares = np.bincount(labels[train]) / len(train)
    constant = np.tile(shares, (len(validation), 1))
    found = {"majority": _scores(constant, labels[validation])}
    linear = []
    for strength in strengths:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=ITERATIONS)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[train], labels[train])
        linear.append(_scores(model.predict_proba(x[validation]), labels[validation]))
    accuracies, losses = zip(*linear, strict=True)
    return found | {"linear": (max(accuracies), min(losses))}


def _scores(probabilities: Array, labels: Array) -> tuple[float, float]:
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    known = np.arange(probabilities.shape[1])
    return float(accuracy), float(log_loss(labels, probabilities, labels=known))


def n_grams(data: Data, split: Split) -> Scores:
    """Unigram, bigram and trigram of the symbols, on the validation examples."""
    size = int(max(np.max(data.x), np.max(data.y))) + 1
    train = _contexts(data, split.train)
    validation = _contexts(data, split.validation)
    targets = validation[2]
    single = np.bincount(train[2], minlength=size) + 1.0
    lower = single / single.sum()
    found = {"unigram": float(-np.log(lower[targets]).mean())}
    pairs = _Table(train[1], train[2], size)
    triples = _Table(train[0] * size + train[1], train[2], size)
    bigram, trigram = [], []
    for alpha, beta in product(SMOOTHING, SMOOTHING):
        shorter = pairs.smoothed(validation[1], targets, lower[targets], alpha)
        bigram.append(-np.log(shorter).mean())
        longer = triples.smoothed(
            validation[0] * size + validation[1], targets, shorter, beta
        )
        # The first symbol of an example has one symbol before it.
        longer = np.where(validation[0] < 0, shorter, longer)
        trigram.append(-np.log(longer).mean())
    found |= {"bigram": float(min(bigram)), "trigram": float(min(trigram))}
    return {name: (np.nan, loss) for name, loss in found.items()}


def _contexts(data: Data, rows: Array) -> tuple[Array, Array, Array]:
    """Symbol before last (−1 where there is none), last symbol and next symbol."""
    x, y = np.asarray(data.x)[rows].astype(int), np.asarray(data.y)[rows].astype(int)
    before = np.concatenate([np.full((len(x), 1), -1), x[:, :-1]], axis=1)
    return before.ravel(), x.ravel(), y.ravel()


class _Table:
    """How often each symbol followed each context."""

    def __init__(self, contexts: Array, symbols: Array, size: int) -> None:
        self.size = size
        keep = contexts >= 0
        self.pairs = self._count(contexts[keep] * size + symbols[keep])
        self.totals = self._count(contexts[keep])

    @staticmethod
    def _count(values: Array) -> tuple[Array, Array]:
        known, counts = np.unique(values, return_counts=True)
        return known, counts

    @staticmethod
    def _of(table: tuple[Array, Array], values: Array) -> Array:
        known, counts = table
        at = np.searchsorted(known, values).clip(max=len(known) - 1)
        return np.where(known[at] == values, counts[at], 0)

    def smoothed(
        self, contexts: Array, symbols: Array, shorter: Array, weight: float
    ) -> Array:
        """(count + weight · probability by the shorter context) / (total + weight)."""
        pair = self._of(self.pairs, contexts * self.size + symbols)
        return np.asarray(
            (pair + weight * shorter) / (self._of(self.totals, contexts) + weight)
        )


def measure() -> dict[str, Entry]:
    """Accuracy in percent and loss of every model, on each data set."""
    claims = {}
    for name, seeds in TASKS.items():
        task = get_task(name)
        where = data_set(task)
        if task.metric == "loss":
            score: Callable[[Data, Split], Scores] = n_grams
        else:
            strengths = STRENGTHS.get(where, USUAL_STRENGTHS)
            score = partial(classifiers, strengths=strengths)
        found = [score(data, split) for data, split in splits(name, seeds)]
        for model in found[0]:
            accuracy, loss = np.array([each[model] for each in found]).T
            claims[f"{where}.{model}.loss"] = entry(t_interval(loss), "nats")
            if np.isfinite(accuracy).all():
                percent = entry(t_interval(100 * accuracy), "%")
                claims[f"{where}.{model}.accuracy"] = percent
    return claims


if __name__ == "__main__":
    no_options(__doc__)
    measured = measure()
    keep(FILE, measured)
    show(measured)
