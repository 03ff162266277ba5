"""The sides of the throughput measurement train the same thing."""

from __future__ import annotations

import json
import os

import keras
import numpy as np
import pytest

SLOW = pytest.mark.skipif(
    not os.environ.get("KERAS_LION_SLOW_TESTS"), reason="make test-performance"
)


@SLOW
def test_quick_measurement(tmp_path, capsys):
    from studies.performance import sweep_throughput

    backend = keras.backend.backend()
    path = tmp_path / "new" / "result.json"
    sweep_throughput.main(
        ["--quick", "--parts", "sides", "--backends", backend, "--output", str(path)]
    )
    (part,) = json.loads(path.read_text(encoding="utf-8"))["sides"]
    rows = {row["side"]: row for row in part["rows"]}
    assert list(rows) == ["anchor", "ours", "stock"]
    assert rows["ours"]["disagreement"]["of_all_runs"] < 1e-4
    printed = capsys.readouterr().out
    assert "digits_mlp" in printed
    assert "NO" not in printed  # quick numbers meet or miss no target


def test_different_training_is_noticed():
    from studies.performance import sweep_sides
    from studies.performance.sweep_workload import STUDY

    runs = STUDY.runs("digits_mlp", "smoke", "tensorflow")
    one = {run.key: 2.0 for run in runs}
    other = {run.key: 2.0 + 0.01 * (run.learning_rate < 1e-4) for run in runs}
    found = sweep_sides.disagreement(one, one, runs)
    assert found == {"at_smallest_rates": 0.0, "of_all_runs": 0.0}
    with pytest.raises(RuntimeError, match="do not train the same"):
        sweep_sides.disagreement(one, other, runs)


def test_all_sides_take_the_same_steps():
    from studies.performance.sweep_workload import BATCH_SIZE, STUDY, TRAIN_EXAMPLES

    assert all(size % BATCH_SIZE == 0 for size in TRAIN_EXAMPLES.values())
    for task in ("digits_mlp", "fashion_mnist_mlp"):
        assert len(STUDY.runs(task, "standard", "jax")) == 64


def test_stock_learning_rates_have_the_same_shape():
    from keras_lion.tuning.study.schedule import Schedule
    from studies.performance import sweep_stock

    steps = 256
    schedule = sweep_stock.learning_rate_schedule(1e-3, steps, Schedule().warmup)
    looked_at = [*range(0, 16, 3), *range(16, steps, 16), steps - 1]
    rates = np.array([float(schedule(k)) for k in looked_at])
    expected = 1e-3 * Schedule().factors(steps)[looked_at]
    # Keras starts at 0 where the engine starts one step further.
    np.testing.assert_allclose(rates, expected, atol=8e-5)


def test_page_takes_the_table_between_its_markers():
    from studies.performance import sweep_throughput

    row = {"task": "digits_mlp", "side": "anchor", "ratio": 0.9, "ratios": [0.9, 0.8]}
    row["runs_per_minute"] = 1234.5
    part = {"environment": {"backend": "jax"}, "rows": [row]}
    page = sweep_throughput.PAGE.read_text(encoding="utf-8")
    new = sweep_throughput.documented(page, {"quick": False, "sides": [part]})
    assert "1234" in new
    assert ">= 0.85: yes" in new
    assert sweep_throughput.documented(new, {"quick": False}).count("```") == 2
