"""Tasks of the presets `gpu`: large enough for a GPU, and generated or read here.

    curves_vit   a vision transformer on 60,000 drawn curves, as MNIST-1D draws its
                 digits in one dimension: ten shapes, each shifted, stretched, tilted
                 and noisy
    source_lm    a byte-level language model of all modules of Python's standard library

Nothing is downloaded. `source_lm` depends on the running Python, as `python_lm` does.
"""

from __future__ import annotations

import functools
import sysconfig
from functools import partial
from pathlib import Path

import numpy as np

from keras_lion.tuning import Task
from keras_lion.tuning.tasks import models
from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets.python_source import LENGTH, windows

CLASSES, POINTS, SIDE = 10, 12, 28
POOL_EXAMPLES, TEST_EXAMPLES = 60_000, 10_000
SHAPES_SEED, EXAMPLES_SEED = 1, 2
PEN = 1.2  # standard deviation of a line across, in pixels
NOISE = 0.3  # standard deviation of a pixel's noise
FEWEST_BYTES = 15_000  # of a module
TEST_SHARE = 8  # one module in so many is for the test set


def curves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of curves, shape `(count, 28, 28, 1)`, and the number of each shape."""
    shapes = np.random.default_rng(SHAPES_SEED).normal(size=(CLASSES, POINTS))
    generator = np.random.default_rng(seed)
    y = generator.integers(CLASSES, size=count).astype(np.int32)
    uniform = functools.partial(generator.uniform, size=(count, 1))
    # Where the curve is read at each column, and how high it is drawn.
    columns = np.linspace(0, POINTS - 1, SIDE)
    place = np.clip(uniform(0.7, 1.0) * columns + uniform(0, 3), 0, POINTS - 1.001)
    left = place.astype(int)
    share = place - left
    rows = np.arange(count)[:, None]
    curve = shapes[y]
    height = (1 - share) * curve[rows, left] + share * curve[rows, left + 1]
    height = uniform(0.6, 1.4) * height + uniform(-1, 1)
    height = height + uniform(-0.08, 0.08) * (np.arange(SIDE) - SIDE / 2)
    row = SIDE / 2 - 3.5 * height[:, None, :]
    distance = (np.arange(SIDE)[None, :, None] - row) / PEN
    pictures = np.exp(-0.5 * distance.astype(np.float32) ** 2)
    pictures += NOISE * generator.standard_normal(pictures.shape, dtype=np.float32)
    return pictures[..., None], y


@functools.cache
def load_curves() -> Data:
    """Drawn curves: a pool of 60,000, a test set of 10,000."""
    # Piece by piece: all distances at once would take gigabytes.
    size = 10_000
    pieces = [
        curves(size, EXAMPLES_SEED + k)
        for k in range((POOL_EXAMPLES + TEST_EXAMPLES) // size)
    ]
    x, y = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return Data(
        x[:POOL_EXAMPLES], y[:POOL_EXAMPLES], x[POOL_EXAMPLES:], y[POOL_EXAMPLES:]
    )


@functools.cache
def load_source() -> Data:
    """Windows of 128 bytes of the standard library; a split keeps modules whole.

    Raises:
        FileNotFoundError: If the standard library has no source files.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    parts: dict[bool, list[tuple[np.ndarray, ...]]] = {False: [], True: []}
    files = [
        path
        for path in sorted(folder.rglob("*.py"))
        if not {
            "site-packages",
            "dist-packages",
            "test",
            "tests",
            "idlelib",
            "pydoc_data",
        }
        & set(path.relative_to(folder).parts)
        and path.stat().st_size >= FEWEST_BYTES
    ]
    for number, path in enumerate(files):
        x, y = windows(path.read_bytes(), LENGTH)
        group = np.full(len(x), number, dtype=np.int32)
        parts[number % TEST_SHARE == 0].append((x, y, group))
    if not parts[False]:
        raise FileNotFoundError(
            "The task source_lm reads the standard library's own source files. "
            f"Received none in {folder}. Use a Python that comes with them."
        )
    (x, y, groups), (x_test, y_test, _) = (
        tuple(np.concatenate(arrays) for arrays in zip(*parts[which], strict=True))
        for which in (False, True)
    )
    return Data(x=x, y=y, x_test=x_test, y_test=y_test, groups=groups)


CURVES_VIT = Task(
    name="curves_vit",
    data=load_curves,
    model=models.vision_transformer,
    train_examples=50_000,
    validation_examples=10_000,
)
SOURCE_LM = Task(
    name="source_lm",
    data=load_source,
    model=partial(models.language_model, vocabulary=256, length=LENGTH),
    train_examples=40_000,
    validation_examples=6_000,
    batch_size=64,
    metric="loss",
)
TASKS = {task.name: task for task in (CURVES_VIT, SOURCE_LM)}
