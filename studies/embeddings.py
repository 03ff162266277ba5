"""Should rows of an embedding rest while their words do not occur?

Question   A row whose word is not in a batch has no gradient. Lion as published moves
           it on by its momentum, by one learning rate per step; `lazy_embeddings=True`
           leaves it as it is. Which classifies short texts better? And for AdamW?
Command    keras-lion run studies/embeddings.py --preset full --backend jax
Duration   about 5 minutes on 2 cores
Result     studies/README.md, studies/results/embeddings/ (2026-11-28). No: lazy Lion's
           best accuracy is 7.0 points below that of dense Lion (95 % interval 5.3 to
           8.7, n=5). For AdamW both are alike (0.1 points, −0.7 to 0.9).

The task `python_words`: which of 45 modules of Python's standard library 16 successive
words of source text come from. Words are runs of letters; those that occur once in the
pool share one row. The model is a mean of embeddings and one hidden layer. A batch of
128 texts has about a sixth of the 4,400 words.

There is no weight decay, so that what idle rows do is the only difference. AdamW
without decay is Adam; its lazy form is `LazyEmbeddings` around it. All four get seven
learning rates, half a decade apart, around a first guess for each optimizer.

Primary outcome: best validation accuracy, lazy − dense Lion. Secondary: of AdamW.

Predictions, written before the first run:
  - Lazy Lion is better than dense Lion by more than 0.5 points: a dense row goes on in
    the direction of its last gradient for thousands of steps at full step size.
    (The opposite holds. At a learning rate of 0.001 dense Lion's training loss ends at
    0.02 nats and lazy Lion's at 0.68. A likely reason: a rare row that rests gets few
    steps, all of one size. At three times the learning rate lazy Lion fits, too, but
    validates worse.)
  - For AdamW lazy and dense differ by less than 0.5 points: the steps of an idle row
    fade within some ten steps. (The mean is; the interval reaches 0.9.)
  - Lazy Lion's best learning rate is at least that of dense Lion. (Held: 0.0032
    against 0.001.)
"""

from __future__ import annotations

import functools
import re
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from keras_lion.tuning import Axis, SearchSpace, Study, Task
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import OF_ADAM, OF_LION, RATIO
from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets.python_source import POOL_MODULES

WINDOW = 16  # words
TEST_EVERY = 5  # of as many successive windows of a module, one is for the test
WIDTH = 64
WORD = re.compile(r"[A-Za-z]+")
CENTRES = {"lion": 1e-3, "lion_lazy": 1e-3, "adamw": 1e-2, "adamw_lazy": 1e-2}


@functools.cache
def load() -> Data:
    """Windows of words as numbers of rows, and the module of each as its label."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    texts = [(folder / name).read_text(encoding="utf-8") for name in POOL_MODULES]
    windows, labels = [], []
    for label, text in enumerate(texts):
        words = WORD.findall(text.lower())
        count = len(words) // WINDOW
        windows += [words[k * WINDOW : (k + 1) * WINDOW] for k in range(count)]
        labels += [label] * count
    is_test = np.arange(len(windows)) % TEST_EVERY == 0
    rows = _rows([w for w, test in zip(windows, is_test, strict=True) if not test])
    x = np.array([[rows.get(word, 0) for word in w] for w in windows], dtype=np.int32)
    y = np.array(labels, dtype=np.int32)
    return Data(x[~is_test], y[~is_test], x[is_test], y[is_test])


def _rows(windows: list[list[str]]) -> dict[str, int]:
    """The row of each word that occurs twice or more, from 1; 0 is for the others."""
    counts = Counter(word for window in windows for word in window)
    known = sorted(word for word, count in counts.items() if count > 1)
    return {word: row for row, word in enumerate(known, start=1)}


def model() -> Any:
    """A mean of embeddings, a hidden layer, and a logit per module."""
    import keras
    from keras import layers

    vocabulary = int(load().x.max()) + 1
    return keras.Sequential(
        [
            layers.Input((WINDOW,), dtype="int32"),
            layers.Embedding(vocabulary, WIDTH),
            layers.GlobalAveragePooling1D(),
            layers.Dense(WIDTH, activation="relu"),
            layers.Dense(len(POOL_MODULES)),
        ]
    )


def lion_lazy(beta_1: float, beta_2: float) -> Any:
    """Lion whose idle rows stay as they are."""
    from keras_lion import Lion

    return Lion(beta_1=beta_1, beta_2=beta_2, lazy_embeddings=True)


def adamw_lazy(beta_1: float, beta_2: float) -> Any:
    """Adam whose idle rows stay as they are, with their averages."""
    import keras

    from keras_lion.optimizers import LazyEmbeddings

    return LazyEmbeddings(keras.optimizers.Adam(beta_1=beta_1, beta_2=beta_2))


def space(optimizer: str, rates: int) -> SearchSpace:
    """Learning rates around the centre, without weight decay."""
    betas = OF_LION if optimizer.startswith("lion") else OF_ADAM
    return SearchSpace(
        axes=(
            Axis.geometric(
                "learning_rate", centre=CENTRES[optimizer], ratio=RATIO, num=rates
            ),
        ),
        fixed={**betas, "weight_decay": 0.0},
    )


def plan(rates: int, *, epochs: int, seeds: int) -> Plan:
    """The same learning rates for all, around each one's centre."""
    return Plan(
        {optimizer: space(optimizer, rates) for optimizer in CENTRES},
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


STUDY = Study(
    name="embeddings",
    question="Should rows of an embedding rest while their words do not occur?",
    tasks={"python_words": Task("python_words", load, model)},
    plans={
        "python_words": {
            "smoke": plan(1, epochs=1, seeds=1),
            "full": plan(7, epochs=20, seeds=5),
        }
    },
    comparison=Comparison(
        statement="With lazy rows Lion's best accuracy is above that with dense ones.",
        measure="best_score",
        value="score",
        sides=("lion_lazy", "lion"),
        margin=0.5,
        unit="points",
        epsilon={"python_words": 0.05},
    ),
    secondary={
        "adamw": Comparison(
            statement="With lazy rows AdamW's best accuracy is as with dense ones.",
            measure="best_score_kept",
            value="score",
            sides=("adamw_lazy", "adamw"),
            margin=0.5,
            unit="points",
            epsilon={"python_words": 0.05},
        )
    },
    optimizers={"lion_lazy": lion_lazy, "adamw_lazy": adamw_lazy},
)
