"""The one rule of the ledger: what a row needs, and which verdict follows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from keras_lion.statistics import Interval
from studies.evidence import basis, ledger, measured, page
from studies.evidence.row import MEANINGS, NOT_TUNED, Baseline, Basis, Row, missing
from studies.evidence.runs import MAIN, declared

CLEAR = Interval(0.2, 0.1, 0.3, 6)
ABOVE = Baseline("linear", 32.0, 70.0, "Lion", "%")
BELOW = Baseline("trigram", 2.0, 2.5, "Lion", "nats")
TUNED = Basis(edges=(), baseline=ABOVE, primary=True)


def row(**changes):
    known = {
        "where": "task",
        "text": "a number",
        "shows": "supported",
        "interval": CLEAR,
        "unit": "points",
        "coverage": "its 95 % interval covers 95 %",
        "windows": 1.0,
        "basis": TUNED,
    }
    return Row(**known | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "holds at this scale"),
        ({"shows": "not supported"}, "does not hold at this scale"),
        ({"shows": "underpowered"}, "undecided"),
        ({"shows": "untestable"}, "cannot be tested here"),
        ({"shows": "out of reach"}, "cannot be tested here"),
        ({"windows": None}, "holds at this scale"),
        ({"windows": 0.7}, "provisional"),
        ({"interval": Interval(0.2, 0.1, 0.3, 2)}, "provisional"),
        ({"basis": Basis(("the optimum of lion …",), ABOVE, True)}, "provisional"),
        ({"basis": Basis(None, None, False)}, "holds at this scale"),
        ({"basis": Basis((), BELOW, True)}, "cannot be tested here"),
        # What a trivial model does better decides nothing, whatever the numbers are.
        (
            {"shows": "not supported", "basis": Basis((), BELOW, True)},
            "cannot be tested here",
        ),
        # An open interval stays open on an edge.
        (
            {"shows": "underpowered", "basis": Basis(("an edge",), ABOVE, True)},
            "undecided",
        ),
        ({"counted": True, "basis": NOT_TUNED}, "reproduced"),
        (
            {"counted": True, "shows": "not supported", "basis": NOT_TUNED},
            "not reproduced",
        ),
    ],
)
def test_the_verdict_follows_from_all_that_a_row_needs(changes, expected):
    found = row(**changes)
    assert found.verdict == expected
    assert expected in MEANINGS
    assert bool(found.reasons) == (
        expected == "provisional" or found.basis.baseline is BELOW
    )


@pytest.mark.parametrize("name", list(Row.__dataclass_fields__)[:8])
def test_no_row_is_made_without(name):
    known = {each: getattr(row(), each) for each in Row.__dataclass_fields__}
    del known[name]
    with pytest.raises(TypeError, match=name):
        Row(**known)


def test_a_measured_row_needs_coverage_and_n():
    with pytest.raises(ValueError, match="needs `coverage`"):
        row(coverage="")
    with pytest.raises(ValueError, match="needs an interval"):
        row(interval=None)
    assert row(interval=None, text="3 of 4 lines (n=5 seeds)").verdict
    assert missing("task").verdict == "not run yet"


def runs_with_best_at(adamw, lion, *, level=0.7):
    """Runs of 5 × 5 grids whose best cells are at these rows and columns."""
    rates, decays = np.geomspace(1e-3, 1e-1, 5), np.geomspace(0.1, 10, 5)
    noise = np.random.default_rng(0)
    rows = []
    for name, (row_, column), best in (
        ("adamw", adamw, level + 0.05),
        ("lion", lion, level),
    ):
        for i, decay in enumerate(decays):
            for j, rate in enumerate(rates):
                away = (i - row_) ** 2 + (j - column) ** 2
                rows += [
                    {
                        "study": MAIN,
                        "task": "mnist1d_mlp",
                        "optimizer": name,
                        "learning_rate": rate,
                        "weight_decay": decay,
                        "seed": seed,
                        "status": "ok",
                        "metric": "accuracy",
                        "score": best - 0.02 * away + 0.001 * noise.normal(),
                        "initial_loss": 2.4,
                        "final_loss": 0.5 + 0.1 * away,
                    }
                    for seed in range(6)
                ]
    return pd.DataFrame(rows)


def better_best(runs):
    comparison = declared(MAIN).secondary["best_accuracy"]
    return measured.difference_of_best(
        MAIN, runs, "adamw", "lion", comparison, where="mnist1d_mlp"
    )


def test_an_optimum_on_an_edge_makes_a_row_provisional():
    assert better_best(runs_with_best_at((2, 2), (2, 1))).verdict == (
        "holds at this scale"
    )
    for place in ((2, 0), (0, 2), (4, 3), (1, 4)):
        found = better_best(runs_with_best_at((2, 2), place))
        assert found.verdict == "provisional"
        assert any("optimum of lion lies on the" in each for each in found.reasons)


def test_edges_are_looked_for_under_every_condition():
    inside = runs_with_best_at((2, 2), (2, 2)).assign(batch_size=32)
    outside = runs_with_best_at((2, 2), (0, 2)).assign(batch_size=64)
    both = pd.concat([inside, outside])
    assert basis.edges_of(inside) == ()
    (edge,) = basis.edges_of(both)
    assert "lion, batch_size 64" in edge
    many = pd.concat(
        runs_with_best_at((0, 2), (0, 2)).assign(batch_size=size)
        for size in (16, 32, 64)
    )
    assert basis.edges_of(many) == ("6 of 6 optima lie on an edge of their grids",)


def test_a_row_below_its_baseline_cannot_be_tested():
    _, linear, unit = basis.trivial("mnist1d")
    assert unit == "%"
    poor = better_best(runs_with_best_at((2, 2), (2, 1), level=linear / 100 - 0.01))
    assert poor.verdict == "cannot be tested here"
    assert "Lion" in poor.reasons[0]
    good = better_best(runs_with_best_at((2, 2), (2, 1), level=linear / 100 + 0.01))
    assert good.verdict == "holds at this scale"


def test_the_baseline_is_the_best_trivial_model(tmp_path):
    file = tmp_path / "baselines.json"
    file.write_text(
        '{"claims": {"a.linear.accuracy": {"value": 60}, "a.majority.accuracy": '
        '{"value": 70}, "a.linear.loss": {"value": 1}, "b.bigram.loss": {"value": 2.5},'
        ' "b.trigram.loss": {"value": 2.0}}}'
    )
    assert basis.trivial("a", file) == ("majority", 70.0, "%")
    assert basis.trivial("b", file) == ("trigram", 2.0, "nats")
    assert basis.trivial("c", file) is None


def test_a_claim_rests_on_its_primary_row_or_on_the_first_that_decides():
    primary, other = row(where="first"), row(where="other", shows="not supported")
    other = replace(other, basis=replace(TUNED, primary=False))
    assert ledger.deciding([other, primary]) is primary
    assert ledger.against([other, primary], primary) == ["other"]
    silent = replace(primary, shows="underpowered")
    assert ledger.deciding([silent, other]) is other
    assert ledger.against([silent, other], other) == []
    assert ledger.deciding([silent]) is silent


def test_a_claim_on_everything_rests_on_what_fails():
    good, bad = row(where="good"), row(where="bad", shows="not supported")
    wide = row(where="open", shows="underpowered")
    assert ledger.deciding([good, bad, wide], every=True) is bad
    assert ledger.deciding([good, wide], every=True) is wide
    assert ledger.deciding([good], every=True) is good


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("undecided", " Its primary outcome, here: undecided."),
        ("does not hold at this scale", ""),  # among those that are found otherwise
    ],
)
def test_a_claim_that_another_row_decides_says_so(outcome, said):
    def row(where, outcome, primary):
        return {
            "where": where,
            "text": "measured",
            "outcome": outcome,
            "primary": primary,
            "number": None,
        }

    holds = "holds at this scale"
    entry = {
        "outcome": holds,
        "row": 1,
        "quantity": "",
        "against": [],
        "measurements": [row("here", outcome, True), row("there", holds, False)],
    }
    expected = f"**Holds at this scale** (there): measured.{said}"
    assert page.sentence(entry) == expected
