"""Populations: runs that train together end as they do alone."""

from __future__ import annotations

import dataclasses
import warnings

import keras
import numpy as np
import pytest

from keras_lion.tuning.engine import executors
from keras_lion.tuning.engine.executors import (
    Executor,
    ExecutorWarning,
    arrange,
    choose_executor,
    program_shape,
)
from keras_lion.tuning.engine.trainer import Trainer
from tests.tuning.tiny import tiny_plan, tiny_study, tiny_task

TOGETHER = ("map", "vmap")


def network_with_state():
    return keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
        ]
    )


def runs_of(study, **columns):
    runs = study.runs(study.default_task, "smoke", keras.backend.backend())
    return [r for r in runs if all(getattr(r, k) == v for k, v in columns.items())]


def comparable(record):
    """A record without what tells the executors apart."""
    return {k: v for k, v in record.items() if k not in ("seconds", "executor")}


def assert_alike(one, other, tolerance=1e-5):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, float):
            assert value == pytest.approx(other[name], abs=tolerance), name
        elif name == "history":
            for curve, values in value.items():
                np.testing.assert_allclose(
                    values, other[name][curve], rtol=0, atol=tolerance
                )
        else:
            assert value == other[name], name


@pytest.fixture(scope="module")
def trainer():
    return Trainer(tiny_task())


@pytest.mark.parametrize(
    ("optimizer", "executor"),
    [
        ("adamw", "map"),
        ("adamw", "vmap"),
        ("cautious_lion", "vmap"),
        ("lion", "map"),
        ("lion", "vmap"),
        ("signum", "vmap"),
    ],
)
def test_members_end_as_they_do_alone(trainer, optimizer, executor):
    study = tiny_study(tiny_plan((1e-3, 3e-3), (0.0, 0.5), optimizers=(optimizer,)))
    runs = runs_of(study)
    records = trainer.run_together(runs, executor, len(runs))
    assert {r["executor"] for r in records} == {executor}
    assert len({r["final_loss"] for r in records}) == len(runs) == 8
    for run, record in zip(runs, records, strict=True):
        assert_alike(comparable(record), comparable(trainer.run(run)))


@pytest.mark.parametrize("executor", TOGETHER)
def test_layers_with_state_and_randomness(executor):
    task = tiny_task(model=network_with_state)
    trainer = Trainer(task)
    plan = tiny_plan((1e-3, 2e-3), (0.1,), optimizers=("adamw",))
    runs = runs_of(tiny_study(plan, task))
    records = trainer.run_together(runs, executor, len(runs))
    for run, record in zip(runs, records, strict=True):
        assert_alike(comparable(record), comparable(trainer.run(run)))


@pytest.mark.parametrize("executor", TOGETHER)
def test_one_step_a_call(trainer, executor, monkeypatch):
    """Where convolutions run on the CPU of JAX, every step is a call of its own."""
    runs = runs_of(tiny_study(tiny_plan((1e-3,), (0.1,), optimizers=("adamw",))))
    expected = [comparable(trainer.run(run)) for run in runs]
    monkeypatch.setattr(trainer.program, "unit", "step")
    monkeypatch.setattr(trainer, "_training", {})
    for one, other in zip(
        trainer.run_together(runs, executor, len(runs)), expected, strict=True
    ):
        assert_alike(comparable(one), other)


@pytest.mark.parametrize("executor", TOGETHER)
def test_a_member_that_diverges_leaves_the_others_alone(executor):
    task = tiny_task(model=lambda: keras.Sequential([keras.layers.Dense(3)]))
    trainer = Trainer(task)
    plan = tiny_plan((2e-2, 1e38), (1.0,), optimizers=("lion",), epochs=5, seeds=1)
    runs = runs_of(tiny_study(plan, task))
    records = trainer.run_together(runs, executor, 2)
    assert sorted(r["status"] for r in records) == ["diverged", "ok"]
    for run, record in zip(runs, records, strict=True):
        alone = trainer.run(run)
        assert record["history"]["epoch"] == alone["history"]["epoch"]
        assert record["reason"] == alone["reason"]
        assert record["score"] == pytest.approx(alone["score"], abs=1e-6)


def test_padding_changes_nothing(trainer):
    runs = runs_of(tiny_study(tiny_plan((1e-3,), (0.1,), optimizers=("adamw",))))
    full = trainer.run_together(runs, "vmap", 2)
    padded = trainer.run_together(runs[:1], "vmap", 2)
    assert len(padded) == 1
    assert_alike(comparable(full[0]), comparable(padded[0]), 1e-6)


@pytest.mark.parametrize("executor", TOGETHER)
def test_a_population_repeats_bit_for_bit(executor):
    plan = tiny_plan((1e-2,), (0.1,), optimizers=("lion",), seeds=3, epochs=4)
    runs = runs_of(tiny_study(plan))
    one, other = (Executor(Trainer(tiny_task()), executor, 3).run(runs) for _ in "ab")
    assert [comparable(r) for r in one] == [comparable(r) for r in other]


@pytest.mark.parametrize("executor", TOGETHER)
def test_looking_at_the_test_set(trainer, executor):
    runs = runs_of(tiny_study(tiny_plan((1e-3,), (0.1,), optimizers=("adamw",))))
    without = Executor(trainer, executor, 2).run(runs)
    looked = Executor(trainer, executor, 2).run(runs, test=True)
    for one, other, run in zip(without, looked, runs, strict=True):
        alone = trainer.run(run, test=True)["test_score"]
        assert other["test_score"] == pytest.approx(alone, abs=1e-6)
        assert comparable(one) == {**comparable(other), "test_score": None}


def test_a_population_is_compiled_once(trainer, monkeypatch):
    calls = []
    one_step = type(trainer.training(runs_of(tiny_study())[0])).one_step

    def counted(self, *arguments):
        calls.append(1)
        return one_step(self, *arguments)

    monkeypatch.setattr(
        "keras_lion.tuning.engine.training.TrainingProgram.one_step", counted
    )
    monkeypatch.setattr(trainer, "_training", {})
    study = tiny_study(tiny_plan((1e-3, 1e-2), (0.0, 0.3), optimizers=("lion",)))
    runs = runs_of(study)
    executor = Executor(trainer, "vmap", 4)
    executor.run(runs[:4])
    before = len(calls)
    executor.run(runs[4:8])
    executor.run(runs[:1])
    assert len(calls) == before > 0


# --- the executor ---


def test_mixed_runs_come_back_in_their_order(trainer):
    plan = dataclasses.replace(
        tiny_plan((1e-3,), (0.1,), optimizers=("adamw", "lion", "sgd")), seeds=2
    )
    runs = runs_of(tiny_study(plan))
    records = Executor(trainer, "vmap", 4).run(runs)
    assert [r["key"] for r in records] == [run.key for run in runs]
    for run, record in zip(runs, records, strict=True):
        expected = "loop" if run.optimizer == "sgd" else "vmap"
        assert record["executor"] == expected
        assert record["status"] in ("ok", "diverged")


def test_memory_that_runs_out_halves_the_population(trainer, monkeypatch):
    sizes = []
    together = Trainer.run_together

    def small_machine(self, runs, executor, members, *, test=False):
        sizes.append(members)
        if members > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return together(self, runs, executor, members)

    monkeypatch.setattr(Trainer, "run_together", small_machine)
    runs = runs_of(tiny_study(tiny_plan(optimizers=("lion",))))
    executor = Executor(trainer, "map", 8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ExecutorWarning)
        records = executor.run(runs)
    assert [str(w.message).split(" runs")[0] for w in caught] == [
        "A population of 8",
        "A population of 4",
    ]
    assert not any(r["status"] == "failed" for r in records)
    assert sizes[:2] == [8, 4]
    assert set(sizes[2:]) == {2}
    assert executor.population == 2


def test_memory_that_runs_out_for_one_run_is_a_failure(trainer, monkeypatch):
    def no_memory(self, run, *, test=False):
        raise MemoryError("no memory at all")

    monkeypatch.setattr(Trainer, "run", no_memory)
    (record,) = Executor(trainer).run(runs_of(tiny_study())[:1])
    assert record["status"] == "failed"
    assert "no memory at all" in record["reason"]


def test_the_member_that_fails_is_found(trainer, monkeypatch):
    runs = runs_of(tiny_study(tiny_plan(optimizers=("lion",))))
    run = Trainer.run

    def fail(self, *_, test):
        raise RuntimeError("somewhere")

    def fail_one(self, specification, *, test=False):
        if specification.key == runs[2].key:
            raise RuntimeError("this one")
        return run(self, specification, test=test)

    monkeypatch.setattr(Trainer, "run_together", fail)
    monkeypatch.setattr(Trainer, "run", fail_one)
    records = Executor(trainer, "map", 8).run(runs)
    assert [r["status"] == "failed" for r in records] == [
        spec.key == runs[2].key for spec in runs
    ]
    assert "this one" in records[2]["reason"]


def test_neighbours_share_a_program(trainer):
    plan = tiny_plan(seeds=3)
    runs = runs_of(tiny_study(plan))
    executor = Executor(trainer, "vmap", 4)
    arranged = arrange(executor, runs)
    assert sorted(r.key for r in arranged) == sorted(r.key for r in runs)
    for start in range(0, len(runs), 4):
        chunk = arranged[start : start + 4]
        assert len({program_shape(trainer, run) for run in chunk}) == 1
    assert arrange(Executor(trainer), runs) == runs


# --- the choice ---


def test_a_short_sweep_is_not_measured(trainer):
    runs = runs_of(tiny_study(tiny_plan(seeds=6)))
    chosen = choose_executor(trainer, runs)
    assert (chosen.name, chosen.population, chosen.measured) == ("loop", 1, {})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"loop": 1.0, "vmap": 0.5, "map": 0.7}, "vmap"),
        ({"loop": 1.0, "vmap": 0.9, "map": 0.95}, "loop"),
        ({"loop": 1.0, "vmap": 2.0, "map": 0.5}, "map"),
    ],
)
def test_the_fastest_is_chosen_if_it_is_clearly_faster(
    trainer, monkeypatch, seconds, expected
):
    def timed(train, runs):
        name = "loop" if runs == 1 else train.args[1]
        return seconds[name]

    monkeypatch.setattr(executors, "_seconds_a_run", timed)
    runs = runs_of(tiny_study(tiny_plan(seeds=8, epochs=4)))
    chosen = choose_executor(trainer, runs)
    assert chosen.name == expected
    assert chosen.population == (1 if expected == "loop" else 8)
    assert len(chosen.measured) == 3


def test_a_large_population_is_tried_by_what_smaller_ones_took(trainer, monkeypatch):
    """In a loop 8 runs would take 48 s, but 4 at once have taken 4."""
    tried = []

    def timed(train, runs):
        tried.append(runs if runs == 1 else train.args[1:])
        return 6.0 if runs == 1 else 4.0 / runs

    monkeypatch.setattr(executors, "_seconds_a_run", timed)
    monkeypatch.setattr(executors, "POPULATIONS_ON_CPU", (4, 8))
    runs = runs_of(tiny_study(tiny_plan(seeds=8, epochs=4)))
    chosen = choose_executor(trainer, runs)
    assert tried == [1, ("vmap", 4), ("vmap", 8), ("map", 4), ("map", 8)]
    assert (chosen.name, chosen.population) == ("vmap", 8)


@pytest.mark.parametrize(
    ("peak", "free", "expected"),
    [
        (500, 1_600, True),  # 400 bytes of 16 runs: 64 need 1,600
        (500, 1_599, False),
        (None, 1, True),  # a device that keeps no account
        (500, None, True),
    ],
)
def test_a_population_needs_room(monkeypatch, peak, free, expected):
    monkeypatch.setattr(executors.backend, "peak_memory", lambda: peak)
    monkeypatch.setattr(executors.backend, "free_memory", lambda: free)
    assert executors.has_room(64, (16, 64, 256), before=100) is expected
    assert executors.has_room(16, (16, 64, 256), before=100)  # nothing is known yet


def test_a_population_without_room_is_not_tried(trainer, monkeypatch):
    monkeypatch.setattr(executors, "POPULATIONS_ON_CPU", (2, 4, 8))
    monkeypatch.setattr(executors.backend, "peak_memory", lambda: 0)
    monkeypatch.setattr(executors, "has_room", lambda size, sizes, before: size < 4)
    monkeypatch.setattr(executors, "_seconds_a_run", lambda train, runs: 1.0 / runs)
    runs = runs_of(tiny_study(tiny_plan(seeds=8, epochs=4)))
    monkeypatch.setattr(executors, "WORTH_MEASURING", 0.0)
    chosen = choose_executor(trainer, runs)
    assert chosen.population == 2
    assert set(chosen.measured) == {"loop 1", "vmap 2", "map 2"}


def test_a_choice_by_hand(trainer):
    runs = runs_of(tiny_study())
    assert choose_executor(trainer, runs, wanted="loop").population == 1
    chosen = choose_executor(trainer, runs, wanted="map", population=3)
    assert (chosen.name, chosen.population) == ("map", 3)
    with pytest.raises(ValueError, match=r"loop, map, vmap\. Received: 'pmap'"):
        choose_executor(trainer, runs, wanted="pmap")
    with pytest.raises(ValueError, match="at least 1"):
        choose_executor(trainer, runs, wanted="map", population=0)


def test_what_cannot_be_vectorized_is_said(trainer):
    runs = runs_of(tiny_study(tiny_plan(optimizers=("sgd", "lion"))))
    with pytest.warns(ExecutorWarning, match="not with vmap: Keras updates sgd"):
        choose_executor(trainer, runs, wanted="vmap")
