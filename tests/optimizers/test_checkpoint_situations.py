"""No situation loses weights or misplaces a momentum, and the docs show each."""

import keras
import pytest

from keras_lion import Lion
from keras_lion.discovery import ProgramOptimizer
from tests.optimizers.checkpoint_situations import (
    ORBAX,
    TENSORFLOW,
    WEIGHTS,
    Outcome,
    Side,
    Situation,
    cases,
    inner,
    judged,
    row,
    rows_of_page,
    run,
    train,
)


def restored_by_others(situation, kind):
    """Whether Lion is not asked: by Orbax, or where a wrapper hides it."""
    moved = "out of" in situation.name or "put into" in situation.name
    return kind == ORBAX or (kind == TENSORFLOW and moved)


@pytest.mark.parametrize(
    ("situation", "kind"), cases(), ids=[f"{s.name}, {kind}" for s, kind in cases()]
)
def test_nothing_is_lost_or_misplaced_and_what_starts_fresh_is_named(situation, kind):
    if kind == ORBAX:
        pytest.importorskip("orbax.checkpoint")
    outcomes = [run(situation, kind, built) for built in (True, False)]
    optimizer = inner(situation.loaded.optimizer())
    for outcome in outcomes:
        assert not outcome.lost
        assert not outcome.wrong
        assert len(outcome.warnings) <= 1
        if not isinstance(optimizer, Lion | ProgramOptimizer):
            assert not outcome.restored
        elif outcome.fresh and not restored_by_others(situation, kind):
            (warning,) = outcome.warnings
            for path in outcome.fresh:
                assert path in warning or "starts fresh, with its own" in warning
    assert row(situation, kind, outcomes) == rows_of_page()[situation.name, kind]


def test_the_table_is_long_enough_and_whole():
    rows = rows_of_page()
    assert len(rows) >= 40
    assert {(s.name, kind) for s, kind in cases()} <= rows.keys()


def test_the_judge_finds_a_momentum_in_the_wrong_place():
    def lions():
        side = Side(("a", "b"), lambda: keras.optimizers.Lion(name="lion"))
        return side.build(), side.build()

    before, after = lions()
    train(before)
    after.optimizer.build(after.trainable_variables)
    for one, other in zip(after.weights, before.weights, strict=True):
        one.assign(other)
    for number, other in ((2, 4), (4, 2), (3, 3), (5, 5)):
        after.optimizer.variables[number].assign(before.optimizer.variables[other])
    found = judged(WEIGHTS, before, after, [])
    assert found.wrong == ["a/kernel", "b/kernel"]
    assert found.restored == ["a/bias", "b/bias"]
    after.weights[0].assign(after.weights[0] + 1)
    assert judged(WEIGHTS, before, after, []).lost == ["a"]


def test_outcomes_that_differ_stand_side_by_side():
    outcomes = [
        Outcome(WEIGHTS, [], ["a/kernel"], [], [], []),
        Outcome(WEIGHTS, [], ["a/kernel"], ["b/kernel"], [], ["optimizer"]),
    ]
    expected = (
        f"| x | {WEIGHTS} | loaded | restored; not built: restored, except for b "
        "| –; not built: 1 |\n"
    )
    assert row(Situation("x"), WEIGHTS, outcomes) == expected
