"""The grids of studies."""

import pytest

from keras_lion.tuning.study.grids import RATIO, iso_product_lines, window


def test_a_window_is_centred_and_has_its_optimizers_betas():
    grid = window("lion", (1e-3, 1.0), (5, 3), zero=True)
    rates = grid.axis("learning_rate").values
    decays = grid.axis("weight_decay").values
    assert rates[2] == 1e-3
    assert decays[0] == 0
    assert decays[2] == 1.0
    assert rates[4] / rates[2] == pytest.approx(10, rel=1e-5)
    assert decays[3] / decays[2] == pytest.approx(RATIO, rel=1e-5)
    assert grid.fixed == {"beta_1": 0.9, "beta_2": 0.99}


def test_fixed_hyperparameters_win_over_the_usual_ones():
    grid = window("adamw", (1e-3, 1.0), (1, 1), fixed={"beta_2": 0.95, "batch_size": 8})
    assert grid.fixed == {"beta_1": 0.9, "beta_2": 0.95, "batch_size": 8}


def test_lines_hold_the_product_at_every_rate():
    rates, products = (1e-3, 3.16228e-3, 1e-2), (1e-3, 3.16228e-3, 1e-2)
    cells = [
        cell
        for line in iso_product_lines("adamw", rates, products)
        for cell in line.configurations()
    ]
    assert len(cells) == 9
    found = sorted({c["learning_rate"] for c in cells})
    assert found == list(rates)
    for cell in cells:
        product = cell["learning_rate"] * cell["weight_decay"]
        assert min(abs(product / each - 1) for each in products) < 1e-4


def test_equal_decays_of_different_lines_are_one_number():
    # Otherwise they would be two rows of one landscape.
    rates, products = (1e-3, 3.16228e-3, 1e-2), (1e-3, 3.16228e-3, 1e-2)
    lines = iso_product_lines("adamw", rates, products)
    decays = {d for line in lines for d in line.axis("weight_decay").values}
    assert len(decays) == 5
