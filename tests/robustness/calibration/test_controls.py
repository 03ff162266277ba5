"""Controls and coverage, with few draws; `studies/calibration.py` takes many."""

import numpy as np
import pytest

from keras_lion.robustness import Landscape, tolerance_width
from keras_lion.robustness.calibration.controls import (
    ErrorRate,
    _halves,
    calibrate,
    calibration_frame,
    calibration_text,
    planted_gap,
    power_table,
)
from keras_lion.robustness.calibration.coverage import coverage_table, t_ends, widths
from keras_lion.robustness.calibration.planted import Noise, noisy, plant
from keras_lion.robustness.comparison import compare_tolerance
from keras_lion.statistics import t_interval, wilson_interval


@pytest.fixture(scope="module")
def rates():
    wide, _ = noisy(
        (plant("bowl", width=2.0), plant("bowl")), 6, np.random.default_rng(1)
    )
    truths = plant("bowl", width=2.5), plant("bowl")
    quiet = noisy(truths, 6, np.random.default_rng(1), noise=Noise(0.2, 0.05))
    few = np.arange(8.0).reshape(2, 2, 2)  # two seeds
    return calibrate(
        np.random.default_rng(0),
        draws=12,
        gap=1.25,
        landscapes={"lion": wide, "adamw": Landscape([1, 2], [1, 2], few)},
        positive={"lion against adamw": (quiet[0], quiet[1])},
    )


def test_controls_are_told_apart(rates):
    found = {(each.control, each.event): each for each in rates}
    for (control, event), each in found.items():
        if control.startswith("A/A"):
            assert each.rate.estimate <= 1 / 12, control
            assert (each.at_most, each.limit) == (True, 0.05)
            assert event == "one is better"
    gap = planted_gap(1.25)
    assert found[gap, "supported"].rate.estimate >= 0.75
    assert found[f"{gap}, reversed", "not supported"].rate.estimate >= 0.75
    assert found[f"{gap}, reversed", "supported"].rate.estimate == 0
    assert found["product law, planted product", "supported"].rate.estimate >= 0.5
    for surface in ("additive", "ratio", "flat"):
        each = found[f"product law, planted {surface}", "supported"]
        assert each.rate.estimate == 0
        assert each.rate.n == 6
    positive = found["lion against adamw, resampled seeds", "one is better"]
    assert positive.rate.estimate >= 0.75
    assert (positive.at_most, positive.limit) == (False, 0.9)


def test_real_seeds_are_parted_where_there_are_enough(rates):
    controls = {each.control: each.rate.n for each in rates}
    assert controls["A/A, resampled seeds of lion"] == 12
    # 20 halves of 6 seeds are more than 12 draws.
    assert controls["A/A, disjoint halves of the seeds of lion"] == 12
    assert "A/A, resampled seeds of adamw" in controls
    assert "A/A, disjoint halves of the seeds of adamw" not in controls


def test_all_halves_where_they_are_few():
    (real,) = noisy((plant("bowl", size=(3, 3)),), 5, np.random.default_rng(1))
    found = calibrate(
        np.random.default_rng(0),
        draws=12,
        size=(3, 3),
        seeds=2,
        landscapes={"lion": real},
    )
    controls = {each.control: each.rate.n for each in found}
    assert controls["A/A, disjoint halves of the seeds of lion"] == 10  # 5 choose 2


@pytest.mark.parametrize(("known", "draws"), [(4, 6), (5, 10), (6, 5), (7, 5)])
def test_halves_are_disjoint(known, draws):
    found = _halves(known, draws, np.random.default_rng(0))
    assert len(found) == draws
    for one, other in found:
        assert len(one) == len(other) == known // 2
        assert len(set(one) | set(other)) == 2 * (known // 2)


def test_rates_are_reproducible():
    options = {"draws": 1, "size": (3, 3), "seeds": 2, "gap": 0.8}
    one = calibrate(np.random.default_rng(4), **options)
    assert one == calibrate(np.random.default_rng(4), **options)
    assert any("gap of 0.8 decades" in each.control for each in one)
    with pytest.raises(ValueError, match="`draws` must be 1 or more"):
        calibrate(np.random.default_rng(0), draws=0)


def test_a_limit_is_kept_but_for_the_error_of_the_draws():
    def rate(count, limit, at_most):
        return ErrorRate("c", "e", wilson_interval(count, 200), limit, at_most)

    # Wilson's intervals: 16 of 200 [0.050, 0.126], 17 [0.054, …]; 171 […, 0.897].
    assert rate(15, 0.05, True).passed
    assert not rate(17, 0.05, True).passed
    assert rate(172, 0.9, False).passed
    assert not rate(171, 0.9, False).passed
    text = calibration_text([rate(17, 0.05, True), rate(200, 0.9, False)])
    assert text.splitlines() == [
        'c  says "e"  0.085 [0.054, 0.132] (n=200)  at most 0.05  NOT KEPT',
        'c  says "e"  1.000 [0.981, 1.000] (n=200)  at least 0.9  ok      ',
    ]
    frame = calibration_frame([rate(17, 0.05, True)])
    assert frame.loc[0, "rate"] == 0.085
    assert frame.loc[0, "limit"] == "at most 0.05"
    assert not frame.loc[0, "passed"]


def test_power_grows_with_seeds_and_falls_with_noise():
    table = power_table(
        np.random.default_rng(0),
        draws=6,
        sizes=((5, 5),),
        seeds=(2, 6),
        gaps=(0.75,),
        noises=(Noise(0.05, 0.0), Noise(3.0, 1.0)),
    )
    assert table["power"].tolist()[1:] == [1, 0, 0]
    assert table["seeds"].tolist() == [2, 6, 2, 6]
    assert table.loc[1, ["weight_decays", "decades", "gap"]].tolist() == [5, 2, 0.75]
    assert table.loc[1, ["low", "high"]].tolist() == [
        wilson_interval(6, 6).low,
        wilson_interval(6, 6).high,
    ]
    fine = power_table(
        np.random.default_rng(0), draws=1, sizes=((3, 9),), seeds=(2,), decades=2.0
    )
    assert fine["decades"].tolist() == [2.0] * 3


def test_many_widths_are_those_of_the_landscapes():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 6, (40, 3, 7)).astype(float)
    rates = 10.0 ** np.cumsum(generator.random(7))
    level = generator.integers(0, 6, 40).astype(float)
    found = widths(np.log10(rates), scores.max(axis=1), level)
    expected = [
        tolerance_width(Landscape(rates, [1, 2, 3], each), 0.0, at).decades
        for each, at in zip(scores, level, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_many_t_intervals_are_those_of_the_statistics():
    values = np.random.default_rng(0).normal(size=(3, 5))
    ends = t_ends(values)
    for k, each in enumerate(values):
        expected = t_interval(each)
        assert ends.low[k] == pytest.approx(expected.low)
        assert ends.high[k] == pytest.approx(expected.high)


def test_intervals_of_reports_cover_and_others_do_not():
    table = coverage_table(np.random.default_rng(0), draws=300, seeds=(6,))
    used = table[table["used"]]
    assert set(used["quantity"]) == {
        "cell mean",
        "best score",
        "tolerance width",
        "accuracy",
        "best accuracy",
    }
    assert (used["high"] >= 0.93).all()
    assert used["coverage"].min() > 0.915
    coverage = table.set_index(["surface", "interval"])["coverage"]
    for method in ("percentile", "bca"):
        assert 0.8 < coverage["normal", f"bootstrap, {method}"] < 0.91
    assert coverage["flat", "t, at the best cell"] < 0.9
    assert table["n"].eq(6).all()
    bias = table.set_index(["surface", "interval"])["bias"]
    assert bias["flat", "t, at the best cell"] > 0.3
    assert abs(bias["flat", "t, leaving one seed out"]) < 0.1
    assert bias["gap of a decade", "t, one landscape a seed"] < -0.05


def test_coverage_simulates_the_comparison_that_reports_make():
    # Without noise every interval is the true difference.
    quiet = coverage_table(
        np.random.default_rng(0),
        draws=3,
        seeds=(3, 2),
        noise=Noise(0, 0, 1.0),
        resamples=9,
    )
    rows = quiet[(quiet["quantity"] == "tolerance width")]
    assert rows["coverage"].eq(1).all()
    np.testing.assert_allclose(rows[["bias", "half_width"]], 0, atol=1e-9)
    assert rows["n"].tolist()[:2] == [2, 3]  # sorted
    truths = plant("bowl", width=2.0), plant("bowl")
    pair = noisy(truths, 3, np.random.default_rng(0), noise=Noise(0, 0, 1.0))
    assert compare_tolerance(*pair, 1.0).difference.estimate == pytest.approx(1.0)


@pytest.mark.parametrize("options", [{"draws": 0}, {"seeds": (1, 3)}, {"seeds": ()}])
def test_coverage_refuses(options):
    with pytest.raises(ValueError, match="`draws` must be 1 or more"):
        coverage_table(np.random.default_rng(0), **options)
