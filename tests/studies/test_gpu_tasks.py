"""The tasks of the presets `gpu`, and what these presets declare."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from keras_lion.tuning.study.seeds import run_seeds
from studies import gpu_tasks
from studies.performance.accelerator_parts import presets


def test_curves_are_the_same_each_time_and_of_ten_shapes():
    x, y = gpu_tasks.curves(400, seed=3)
    again, labels = gpu_tasks.curves(400, seed=3)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, labels)
    assert x.shape == (400, 28, 28, 1)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert set(y.tolist()) == set(range(10))
    other, _ = gpu_tasks.curves(400, seed=4)
    assert not np.array_equal(x, other)


def test_every_column_has_a_line_and_noise(monkeypatch):
    monkeypatch.setattr(gpu_tasks, "NOISE", 0.0)
    x, y = gpu_tasks.curves(2000, seed=3)
    # A line is some pixels wide; a few leave the picture.
    lit = (x[..., 0] > 0.5).sum(axis=1)
    assert 2 <= np.median(lit) <= 4
    assert (lit > 0).mean() > 0.9
    # Mean pictures of two shapes differ: the label can be seen.
    means = np.stack([x[y == k].mean(axis=0) for k in range(10)])
    distance = ((means[:, None] - means[None]) ** 2).sum(axis=(2, 3, 4))
    assert distance[~np.eye(10, dtype=bool)].min() > 1


def test_source_keeps_modules_whole():
    data = gpu_tasks.load_source()
    task = gpu_tasks.SOURCE_LM
    assert data.x.shape[1] == data.y.shape[1] == gpu_tasks.LENGTH
    np.testing.assert_array_equal(data.x[:, 1:], data.y[:, :-1])
    for seed in range(3):
        seeds = run_seeds("any", task.name, seed)
        split = task.split(data, np.random.default_rng(seeds.split))
        groups = [
            set(data.groups[part].tolist()) for part in (split.train, split.validation)
        ]
        assert not groups[0] & groups[1], "training and validation share a module"


@pytest.mark.parametrize("name", presets.STUDIES)
def test_runs_on_a_gpu_are_long_and_forget(name):
    """κ = λ Σ η of the middle of the grid is well above 5, and budgets are large."""
    study = importlib.import_module(f"studies.{name}").STUDY
    # The runs of "exact" are those of "invariant", and its models take long to build.
    tasks = [
        task
        for task, plans in study.plans.items()
        if "gpu" in plans and not task.startswith("exact")
    ]
    assert tasks
    for task in tasks:
        runs = study.runs(task, "gpu", "jax")
        assert {"lion", "adamw"} <= {run.optimizer for run in runs}
        kappas, steps = [], []
        for run in runs:
            count = run.steps or run.epochs * (run.train_examples // run.batch_size)
            factors = run.schedule.factors(count)
            kappas.append(run.weight_decay * run.learning_rate * factors.sum())
            steps.append(count)
        assert max(run.epochs or 0 for run in runs) >= 50 or min(steps) >= 5_000
        assert np.median(kappas) > 5, (name, task)
