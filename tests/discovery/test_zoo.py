"""Programs of the zoo against their definitions, and against one another."""

import numpy as np
import pytest

from keras_lion.discovery import Program, step_function, zoo

BUFFERS = {
    "adamw": 2,
    "program_8": 1,
    "program_4": 1,
    "lion": 1,
    "sgd": 0,
    "sgd_momentum": 1,
    "signum": 1,
    "adagrad_like": 2,
    "adabelief_like": 2,
    "powersign": 1,
    "addsign": 1,
    "adax": 2,
}


def updates(program, steps=40, size=0.02, seed=0):
    """Updates and weights along a fixed stream of gradients."""
    step, generator = step_function(program), np.random.default_rng(seed)
    w = generator.normal(size=9)
    m = v = np.zeros(9)
    seen, weights = [], []
    for _ in range(steps):
        weights.append(w)
        update, m, v = step(w, size * generator.normal(size=9), m, v, 1.0)
        w = w - update
        seen.append(update)
    return np.array(seen), np.array(weights)


def gradients(steps=40, size=0.02, seed=0):
    generator = np.random.default_rng(seed)
    generator.normal(size=9)
    return np.array([size * generator.normal(size=9) for _ in range(steps)])


@pytest.mark.parametrize("name", zoo.ZOO)
def test_state_buffers(name):
    assert zoo.ZOO[name].num_state_buffers == BUFFERS[name]


def test_every_program_of_the_module_is_in_the_zoo():
    programs = {name.lower() for name, x in vars(zoo).items() if isinstance(x, Program)}
    assert programs == set(zoo.ZOO)


def averages(g, beta, start=0.0):
    seen, value = [], start
    for x in g:
        value = beta * value + (1 - beta) * x
        seen.append(value)
    return np.array(seen)


def definitions():
    """Name → (gradients g, weights w) → updates."""
    return {
        "sgd": lambda g, w: 0.01 * g,
        "sgd_momentum": lambda g, w: 0.1 * averages(g, 0.9),
        "signum": lambda g, w: 1e-4 * np.sign(averages(g, 0.9)),
        "adagrad_like": lambda g, w: (
            0.01 * averages(g, 0.9) / (np.sqrt(np.cumsum(g**2, 0)) + 1e-8)
        ),
        "adabelief_like": lambda g, w: (
            0.001
            * averages(g, 0.9)
            / (np.sqrt(averages((g - averages(g, 0.9)) ** 2, 0.999)) + 1e-8)
        ),
        "powersign": lambda g, w: (
            0.01 * np.exp(np.sign(g) * np.sign(averages(g, 0.9))) * g
        ),
        "addsign": lambda g, w: 0.01 * (1 + np.sign(g) * np.sign(averages(g, 0.9))) * g,
        "lion": lambda g, w: (
            1e-4
            * (
                np.sign(0.9 * np.vstack([0 * g[:1], averages(g, 0.99)[:-1]]) + 0.1 * g)
                + w
            )
        ),
        "adamw": lambda g, w: (
            1e-3
            * (averages(g, 0.9) / (np.sqrt(averages(g**2, 0.999)) + 1e-8) + 0.01 * w)
        ),
    }


@pytest.mark.parametrize("name", definitions())
def test_updates_are_those_of_the_definition(name):
    found, weights = updates(zoo.ZOO[name])
    expected = definitions()[name](gradients(), weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_adax_by_its_published_form():
    """v̂ = v / ((1 + β₂)^t − 1), with v ← (1 + β₂) v + β₂ g²."""
    found, _ = updates(zoo.ADAX)
    v = 0.0
    for t, (g, update) in enumerate(zip(gradients(), found, strict=True), 1):
        v = 1.0001 * v + 0.0001 * g**2
        corrected = v / np.expm1(t * np.log1p(1e-4))
        # The program divides by m + 1e-8, where m is 1e-4 at first.
        np.testing.assert_allclose(update, 0.001 * g / np.sqrt(corrected), rtol=1e-4)


def test_program_8_without_dead_code_is_program_4_to_the_rounding_of_constants():
    """Its constants put in, Program 4 differs by float rounding only."""
    exact = str(zoo.PROGRAM_8.without_dead_code())
    for ours, theirs in {
        "0.8999999761581421": "0.899",
        "1.109133005142212": "1.109",
        "0.0002171761734643951": "0.0002",
        "0.4601978361606598": "0.4602",
    }.items():
        assert exact.count(ours) == 1
        assert float(theirs) == pytest.approx(float(ours), rel=0.1)
        exact = exact.replace(ours, theirs)
    found, weights = updates(Program.parse(exact))
    expected, expected_weights = updates(zoo.PROGRAM_4)
    # m lr / (|m| + 1e-8) against m / (|m| + 1e-8) · lr: the last digits.
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-13)


def test_program_8_has_21_statements_of_which_8_are_dead_in_one_step():
    """The ninth, m = cosh(update), is dead because no later step reads it."""
    assert len(zoo.PROGRAM_8) == 21
    assert len(zoo.PROGRAM_8.without_dead_code()) == 12
    assert "cosh" not in str(zoo.PROGRAM_8.without_dead_code())


def test_program_4_without_cosh_moves_bitwise_as_with_it():
    lines = str(zoo.PROGRAM_4).splitlines()
    without = Program.parse("\n".join(x for x in lines if "cosh" not in x))
    assert len(without) == len(zoo.PROGRAM_4) - 1
    assert without.functional_hash == zoo.PROGRAM_4.functional_hash
    for found, expected in zip(updates(without), updates(zoo.PROGRAM_4), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_program_4_clips_by_the_norm_of_all_weights():
    """From zero states, scaling a long gradient changes nothing."""
    step, g = step_function(zoo.PROGRAM_4), np.array([3.0, -4.0, 12.0])
    zero = np.zeros(3)
    _, _, one = step(zero, g, zero, zero, 1.0)
    _, _, other = step(zero, 100 * g, zero, zero, 1.0)
    np.testing.assert_allclose(one, other, rtol=1e-14)
    expected = (1 - 0.899 * 1.109) * np.arcsin(g / 13)
    np.testing.assert_allclose(one, expected, rtol=1e-12)
