"""The best memory in epochs over a condition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.effective_decay.pace import best_memory, memory_verdict
from keras_lion.robustness.study_verdicts import decide
from keras_lion.tuning.study import Comparison

PRODUCTS = 2.0 ** np.arange(-12, 0)


def runs(best, *, steps=1000, epochs=50, seeds=4, noise=0.0, products=PRODUCTS):
    """Records whose score peaks at lr × λ = `best`."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "optimizer": "lion",
                "learning_rate": 1e-3,
                "weight_decay": product / 1e-3,
                "seed": seed,
                "status": "ok",
                "score": -(np.log10(product / best) ** 2) + noise * generator.normal(),
                "final_loss": 1.0,
                "kappa": product * steps / 2,
                "steps": steps,
                "epochs": epochs,
            }
            for product in products
            for seed in range(seeds)
        ]
    )


def test_the_vertex_between_the_grid_is_found():
    found = best_memory({1.0: runs(0.0123)}, optimizer="lion")
    assert found.product == pytest.approx([0.0123])
    assert found.epochs == pytest.approx([1 / (0.0123 * 20)])  # 20 steps an epoch
    assert found.kappa == pytest.approx([0.0123 * 500], rel=1e-5)
    assert found.num_bounded == 0


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5])
def test_the_exponent_is_that_of_the_memory(exponent):
    frames = {
        x: runs(0.01 * (x / 128) ** -exponent) for x in (32.0, 128.0, 512.0, 1024.0)
    }
    found = best_memory(frames, optimizer="lion")
    assert found.exponent.estimate == pytest.approx(exponent, abs=1e-6)
    assert list(found.condition) == sorted(frames)


def test_memory_counts_epochs_and_not_steps():
    # Batches twice as large: half the steps per epoch. lr × λ that grows as the batch
    # keeps the memory in epochs.
    frames = {
        size: runs(1e-2 * size / 64, steps=int(64_000 / size))
        for size in (64.0, 128.0, 256.0)
    }
    found = best_memory(frames, optimizer="lion")
    assert found.exponent.estimate == pytest.approx(0, abs=1e-9)
    assert memory_verdict(found, margin=0.25, claim="c").outcome == "supported"


def test_each_memory_has_an_interval_over_its_own_seeds():
    quiet, noisy = runs(0.0123, noise=0.02), runs(0.0123, noise=0.2)
    found = best_memory({1.0: quiet, 2.0: noisy}, optimizer="lion")
    assert [each.estimate for each in found.intervals] == pytest.approx(found.epochs)
    one, other = found.intervals
    assert one.n == other.n == 4
    assert one.low < 1 / (0.0123 * 20) < one.high
    assert 3 < math.log(other.high / other.low) / math.log(one.high / one.low) < 30


def test_an_optimum_on_an_edge_is_only_bounded():
    frames = {
        x: runs(best) for x, best in ((1.0, 0.01), (2.0, 0.01), (4.0, 0.01), (8.0, 4.0))
    }
    found = best_memory(frames, optimizer="lion")
    assert found.num_bounded == 1
    assert math.isnan(found.product[-1])
    assert found.exponent.estimate == pytest.approx(0, abs=1e-9)  # of the other three
    judged = memory_verdict(found, margin=0.25, claim="c")
    assert judged.outcome == "provisional"
    assert "1 of 4 optima" in judged.reasons[0]


def test_verdicts():
    def judged(exponent, noise=0.0):
        frames = {x: runs(0.01 * x**-exponent, noise=noise) for x in (1.0, 2.0, 4.0)}
        found = best_memory(frames, optimizer="lion")
        return memory_verdict(found, margin=0.25, claim="c").outcome

    assert judged(0.1) == "supported"
    assert judged(0.6) == "not supported"
    assert judged(-0.6) == "not supported"
    assert judged(0.2, noise=0.05) == "underpowered"


def test_two_optima_are_no_law():
    found = best_memory({1.0: runs(0.01), 2.0: runs(0.01)}, optimizer="lion")
    assert memory_verdict(found, margin=0.25, claim="c").outcome == "untestable"


def test_seeds_must_be_the_same():
    with pytest.raises(ValueError, match="same seeds"):
        best_memory({1.0: runs(0.01), 2.0: runs(0.01, seeds=3)}, optimizer="lion")
    with pytest.raises(ValueError, match="none"):
        best_memory({}, optimizer="lion")
    with pytest.raises(ValueError, match="adamw"):
        best_memory({1.0: runs(0.01)}, optimizer="adamw")


def task(name, best, *, batch_size=32, epochs=50, train_examples=640):
    """The runs of a task whose best memory is `best` epochs, of 20 steps at size 32."""
    steps = epochs * train_examples // batch_size
    columns = {"batch_size": batch_size, "train_examples": train_examples}
    frame = runs(epochs / (best * steps), steps=steps, epochs=epochs)
    return frame.assign(task=name, metric="accuracy", **columns)


def declared(measure, tasks=()):
    return Comparison(
        "It is the same.",
        dict.fromkeys(tasks, 0.01),
        measure=measure,
        value="score",
        sides=("lion",),
        margin=0.25,
    )


def test_over_batch_sizes_only_tasks_that_have_several_are_judged():
    sizes = [task("sizes", 2.0, batch_size=each) for each in (16, 32, 64)]
    frame = pd.concat([*sizes, task("single", 2.0)])
    ((place, verdict),) = decide(frame, declared("memory_over_batch_size"))
    assert (place, verdict.outcome) == ("sizes", "supported")


@pytest.mark.parametrize(
    ("measure", "column", "values"),
    [
        ("memory_over_epochs", "epochs", (25, 50, 100)),
        ("memory_over_train_examples", "train_examples", (320, 640, 1280)),
    ],
)
def test_over_tasks_those_that_the_comparison_names_are_read(measure, column, values):
    # The best memory grows as the square root; the other task would contradict it.
    tasks = [
        task(f"t{each}", 2.0 * math.sqrt(each / values[1]), **{column: each})
        for each in values
    ]
    other = task("other", 0.2, **{column: 2 * values[-1]})
    names = [f"t{each}" for each in values]
    ((place, verdict),) = decide(
        pd.concat([*tasks, other]), declared(measure, tasks=names)
    )
    assert (place, verdict.outcome) == ("", "not supported")
    assert verdict.estimate.estimate == pytest.approx(0.5, abs=0.02)
