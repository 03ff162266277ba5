"""Programs as functions of NumPy arrays, against the independent interpreter."""

import numpy as np
import pytest

from keras_lion.discovery import Program, step_function, zoo
from keras_lion.discovery.language import abstract
from keras_lion.discovery.language.abstract import InvalidProgram
from tests.discovery.interpreter import interpret
from tests.discovery.random_programs import random_program

SHAPES = ((3, 4), (5,), ())


def arrays(seed, dtype="float64", shapes=SHAPES):
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.normal(size=shape), dtype) for shape in shapes]


def path(step, program, dtype="float64", steps=3):
    """Weights, and the states that matter, after each of some steps."""
    w = arrays(0, dtype)
    m, v = ([np.zeros_like(x) for x in w] for _ in range(2))
    states = abstract.live_states(program)
    seen = []
    for number in range(steps):
        update, m, v = step(w, arrays(number + 1, dtype), m, v, 0.5**number)
        with np.errstate(all="ignore"):
            w = [x - y for x, y in zip(w, update, strict=True)]
        seen.append([w, m if "m" in states else [], v if "v" in states else []])
    return seen


def assert_same(found, expected, rtol):
    for one, other in zip(found, expected, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            for x, y in zip(ours, theirs, strict=True):
                assert x.dtype == np.asarray(y).dtype
                np.testing.assert_allclose(x, y, rtol=rtol)


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_do_what_the_interpreter_does(seed):
    program = random_program(np.random.default_rng(seed), length=seed % 16 + 3)

    def slow(*values):
        return interpret(program, *values)

    # The same operations in the same order; only powers are rounded differently.
    found = path(step_function(program), program)
    assert_same(found, path(slow, program), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", zoo.ZOO)
def test_the_zoo_does_what_the_interpreter_does(name, dtype):
    program = zoo.ZOO[name]

    def slow(*values):
        return interpret(program, *values)

    found = path(step_function(program), program, dtype, steps=20)
    assert_same(
        found, path(slow, program, dtype, steps=20), 1e-12 if dtype == "float64" else 0
    )


@pytest.mark.parametrize("name", zoo.ZOO)
def test_one_long_array_does_what_its_parts_do(name):
    step = step_function(zoo.ZOO[name])
    w, g, m, v = (arrays(seed) for seed in range(4))
    v = [np.abs(x) for x in v]

    def joined(parts):
        return np.concatenate([np.ravel(x) for x in parts])

    split = step(w, g, m, v, 0.5)
    long = step(*map(joined, (w, g, m, v)), 0.5)
    for parts, whole in zip(split, long, strict=True):
        assert isinstance(whole, np.ndarray)
        np.testing.assert_allclose(joined(parts), whole, rtol=1e-13)


def test_norms_are_of_each_array():
    program = Program.parse("a = norm(g)\nupdate = g / a")
    g = arrays(1)
    update, _, _ = step_function(program)(arrays(0), g, g, g, 1.0)
    for leaf in update:
        np.testing.assert_allclose(np.sum(leaf**2), 1.0, rtol=1e-6)


def test_adamw_of_the_zoo_by_hand():
    step, generator = step_function(zoo.ADAMW), np.random.default_rng(0)
    w = generator.normal(size=7)
    m, v, expected = np.zeros(7), np.zeros(7), w
    first, second = np.zeros(7), np.zeros(7)
    for number in range(1, 30):
        g, lr = generator.normal(size=7), 1 / number
        update, m, v = step(w, g, m, v, lr)
        w = w - update
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g**2
        direction = first / (np.sqrt(second) + 1e-8) + 0.01 * expected
        expected = expected - 0.001 * lr * direction
        np.testing.assert_allclose(w, expected, rtol=1e-13)


def test_arguments_are_left_as_they_were():
    values = [arrays(seed) for seed in range(4)]
    before = [[x.copy() for x in parts] for parts in values]
    for program in zoo.ZOO.values():
        step_function(program)(*values, 1.0)
    for parts, copies in zip(values, before, strict=True):
        for x, y in zip(parts, copies, strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_dead_state_comes_back_as_it_went_in():
    """Program 4 assigns m twice, and reads only what it has just written."""
    m = np.full(3, 7.0)
    step = step_function(zoo.PROGRAM_4)
    _, after, v = step(np.ones(3), np.ones(3), m, np.zeros(3), 1.0)
    assert after is m
    assert (v != 0).all()


def test_constants_are_folded_in_double_precision():
    """1 − 0.999 in float32 is wrong in its fifth digit."""
    program = Program.parse("update = interpolate(g, m, 0.999)")
    g = np.ones(1, "float32")
    update, _, _ = step_function(program)(g, g, 0 * g, 0 * g, 1.0)
    assert update.dtype == np.float32
    assert update[0] == np.float32(1 - 0.999) != np.float32(1) - np.float32(0.999)
    folded = Program.parse(
        "a = 0.1 + 0.2\nb = sqrt(a)\nlr = b\n".replace("lr = b\n", "update = g * b")
    )
    update, _, _ = step_function(folded)(g, g, g, g, 1.0)
    assert update[0] == np.float32(np.sqrt(0.1 + 0.2))


def test_a_folded_name_can_be_assigned_anew():
    program = Program.parse(
        "a = get_pi()\nlr = a * 0.0\na = g + lr\nlr = a * 1.0\nupdate = a + lr"
    )
    g = np.array([3.0])
    update, _, _ = step_function(program)(g, g, g, g, 5.0)
    np.testing.assert_array_equal(update, [6.0])


def test_programs_that_cannot_run_are_refused_at_once():
    with pytest.raises(InvalidProgram, match="never assigned"):
        step_function(Program.parse("m = g * lr"))


def test_overflow_is_silent_and_visible():
    program = Program.parse("a = exp10(g)\nupdate = exp10(a)")
    g = np.array([3.0, 0.0])
    update, _, _ = step_function(program)(g, g, g, g, 1.0)
    np.testing.assert_array_equal(update, [np.inf, 10.0])
