"""From a raw program to a readable one, every step measured."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from keras_lion.discovery import Program, Simplifier, step_function, zoo
from keras_lion.discovery.language import abstract
from keras_lion.discovery.language.abstract import InvalidProgram
from keras_lion.discovery.language.rewriting import rewrites
from keras_lion.discovery.language.simplify import rounded, simplified
from keras_lion.discovery.language.single_assignment import SingleAssignment
from tests.discovery.random_programs import random_program


@cache
def path(program, seed, steps=300):
    """Weights on a noisy quadratic, learning rate 10."""
    generator = np.random.default_rng(seed)
    step, curvature = step_function(program), np.geomspace(0.02, 0.2, 12)
    target, w = generator.normal(size=12), np.zeros(12)
    m = v = np.zeros(12)
    seen = []
    for _ in range(steps):
        g = curvature * (w - target) + 0.05 * generator.normal(size=12)
        update, m, v = step(w, g, m, v, 10.0)
        with np.errstate(all="ignore"):
            w = w - update
        seen.append(w)
    return np.array(seen)


def likeness(reference):
    """Fitness: minus the distance between a program's weights and a reference's."""

    def evaluate(program, seed):
        with np.errstate(all="ignore"):
            gap = path(program, seed) - path(reference, seed)
            return -float(np.sqrt(np.mean(gap**2)))

    return evaluate


@pytest.fixture(scope="module")
def steps():
    simplifier = Simplifier(likeness(zoo.PROGRAM_8), range(4), tolerance=0.02)
    return simplifier.steps(zoo.PROGRAM_8)


def test_program_8_becomes_lion(steps):
    """Lion's momentum is called v there, its constants are those of Program 8."""
    expected = Program.parse(
        """
        c = interpolate(g, v, 0.9)
        v = interpolate(g, v, 0.998)
        lr = lr * 0.0002
        direction = sign(c)
        decay = w * 0.5
        total = direction + decay
        update = total * lr
        """
    )
    found = simplified(steps)
    assert found.functional_hash == expected.functional_hash
    # The same statements as the zoo's Lion, but for the constants.
    lion = str(zoo.LION)
    for old, new in (("0.99", "0.998"), ("1.0", "0.5"), ("0.0001", "0.0002")):
        lion = lion.replace(f" {old}", f" {new}")
    assert Program.parse(lion).functional_hash == found.functional_hash


def test_steps_are_a_chain_from_the_raw_program_to_the_last(steps):
    taken = [step for step in steps if step.taken]
    assert taken[0].before == zoo.PROGRAM_8
    for one, other in pairwise(taken):
        assert one.after == other.before
    for step in steps:
        assert abstract.check(step.after)
        assert step.before in [x.before for x in taken] + [taken[-1].after]


def test_every_step_has_its_effect(steps):
    for step in steps:
        differences = [
            likeness(zoo.PROGRAM_8)(step.after, seed)
            - likeness(zoo.PROGRAM_8)(step.before, seed)
            for seed in range(4)
        ]
        if step.effect is None:
            assert not np.isfinite(differences).all()
        else:
            assert step.effect.estimate == pytest.approx(np.mean(differences))
            assert step.effect.n == 4


def test_what_was_done_is_what_the_paper_describes(steps):
    texts = [step.what for step in steps if step.taken]
    assert "clip_by_global_norm" in texts[1]
    assert "arcsin" in texts[2]
    assert any(
        "two interpolations by 0.9 and 1.10913 are one by 0.99822" in x for x in texts
    )
    assert any("x / abs(x) is sign(x)" in text for text in texts)
    refused = [step.what for step in steps if not step.taken]
    assert any("wd" in text for text in refused)  # weight decay is needed


def test_the_published_rounding_is_reported_beside_the_exact_product(steps):
    """0.9 × 1.1 = 0.99; the constants' own product is 0.99822, another optimizer."""
    (exact,) = [s for s in steps if "are one by 0.99822" in s.what]
    (published,) = [s for s in steps if "as the paper does: 0.99" in s.what]
    assert exact.taken
    assert not published.taken
    assert exact.before == published.before
    assert "0.9982196781" in str(exact.after)
    assert " 0.99)" in str(published.after)
    assert abs(exact.effect.estimate) < 1e-6 < -published.effect.high


def test_printed_steps_say_what_how_long_and_what_it_cost(steps):
    assert str(steps[0]) == (
        "dead statements dropped (21 → 12 statements; fitness 0.000 [0.000, 0.000] "
        "(n=4))"
    )
    refused = next(step for step in steps if not step.taken)
    assert str(refused).startswith("not taken: ")


def test_a_tensor_is_never_replaced_by_a_scalar():
    """`update = g * lr` may become g; lr has not its shape."""
    steps = Simplifier(lambda *_: 0.0, (0, 1), tolerance=0.0).steps(
        Program.parse("a = g * lr\nupdate = sign(a)")
    )
    assert not any("lr in its place" in step.what for step in steps)
    assert str(simplified(steps)) == "update = sign(g)"


def test_losses_do_not_add_up():
    """Each of 20 statements costs half of the tolerance: only two may go."""
    text = "\n".join(["update = g * 1.0", *["update = update + 0.5"] * 20])

    def evaluate(program, seed):
        return 0.05 * sum(0.5 in s.constants for s in program) + 1e-12 * seed

    steps = Simplifier(evaluate, (0, 1), tolerance=0.101).steps(Program.parse(text))
    dropped = [s for s in steps if s.taken and "dropped, " in s.what]
    assert sum(0.5 in s.constants for s in simplified(steps)) == 18
    assert len(dropped) >= 2


def test_what_does_not_run_is_never_taken():
    def evaluate(program, seed):
        return np.nan if len(program) < 2 else 0.0

    found = simplified(Simplifier(evaluate, (0, 1), tolerance=1.0).steps(zoo.SGD))
    assert len(found) == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match="Expected two seeds at least"):
        Simplifier(likeness(zoo.SGD), [0], tolerance=0.1)
    with pytest.raises(ValueError, match="program itself must be finite"):
        Simplifier(lambda *_: np.nan, [0, 1], tolerance=0.1).steps(zoo.SGD)
    simplifier = Simplifier(likeness(zoo.SGD), [0, 1], tolerance=0.1)
    with pytest.raises(InvalidProgram):
        simplifier.steps(Program.parse("m = sign(g)"))


@pytest.mark.parametrize(
    ("value", "digits", "weight", "expected"),
    [
        (0.0002171761, 1, False, 0.0002),
        (0.0002171761, 3, False, 0.000217),
        (0.99822, 1, True, 0.998),
        (0.99822, 2, True, 0.9982),
        (0.8999999761581421, 1, True, 0.9),
        (1.109, 1, True, 1.1),
        (1.0, 1, True, 1.0),
        (-0.46, 1, False, -0.5),
    ],
)
def test_weights_are_rounded_by_their_distance_from_1(value, digits, weight, expected):
    assert rounded(value, digits, weight) == expected


def assert_same_path(found, expected, atol=1e-12):
    np.testing.assert_allclose(path(found, 0, 5), path(expected, 0, 5), atol=atol)


@pytest.mark.parametrize("seed", range(60))
def test_single_assignment_and_back_changes_nothing(seed):
    program = random_program(np.random.default_rng(seed), length=10)
    try:
        copy = SingleAssignment.of(program).program()
    except ValueError:  # states exchange their values
        assert program.num_state_buffers == 2
        return
    assert copy.functional_hash == program.functional_hash


@pytest.mark.parametrize("name", zoo.ZOO)
def test_the_zoo_survives_single_assignment(name):
    copy = SingleAssignment.of(zoo.ZOO[name]).program()
    assert copy.functional_hash == zoo.ZOO[name].functional_hash


def test_a_statement_that_is_two_outputs_is_written_twice():
    program = Program.parse("m = interpolate(g, m, 0.9)\nupdate = abs(m)")
    form = SingleAssignment.of(program)
    short = form.without(form.outputs["update"], form.outputs["m"]).program()
    expected = Program.parse(
        "update = interpolate(g, m, 0.9)\nm = interpolate(g, m, 0.9)"
    )
    assert short.functional_hash == expected.functional_hash


def test_what_needs_a_copy_is_refused():
    form = SingleAssignment.of(Program.parse("update = abs(g)"))
    with pytest.raises(ValueError, match="the language has no copies"):
        form.without(form.outputs["update"], "g").program()
    exchange = Program.parse("a = abs(m)\nm = sign(v)\nv = sign(a)\nupdate = m + v")
    form = SingleAssignment.of(exchange)
    name = next(x for x in form.statements if form.statements[x].function == "abs")
    with pytest.raises(ValueError, match="no order works"):
        form.without(name, "m").program()


@pytest.mark.parametrize("name", ["program_8", "program_4", "adamw", "lion"])
def test_algebra_keeps_the_path(name):
    """Up to rounding, and to the 1e-8 that protects division."""
    program = zoo.ZOO[name].without_dead_code()
    rules = set()
    while found := next(rewrites(program), None):
        assert_same_path(found.program, program, atol=1e-6)
        rules.add(found.what.split(" by ")[0])
        program = found.program
    assert len(rules) == {"program_8": 5, "program_4": 4}.get(name, 0)


@pytest.mark.parametrize(
    "text",
    [
        "update = g * w",
        "a = square(w)\nb = sqrt(a)\nupdate = g / b",  # not the same x
        "a = interpolate(w, m, 0.9)\nm = interpolate(g, a, 0.5)\nupdate = abs(m)",
        "a = g * lr\nb = w * 0.5\nupdate = a + b",  # no common scale
    ],
)
def test_algebra_leaves_alone_what_only_looks_alike(text):
    program = Program.parse(text)
    for found in rewrites(program):
        assert "sign" not in found.what
        assert "interpol" not in found.what
        assert "x * s" not in found.what
        assert_same_path(found.program, program)


def test_what_is_better_for_doing_something_else_is_not_taken():
    program = Program.parse("v = interpolate(g, v, 0.9)\nupdate = v * 0.1")

    def evaluate(found, seed):
        """Better without the average."""
        return 1.0 + (0.05 if len(found) == 1 else 0.0) + 1e-6 * seed

    steps = Simplifier(evaluate, range(3), tolerance=0.01).steps(program)
    assert len(simplified(steps)) == 2
    steps = Simplifier(evaluate, range(3), tolerance=0.06).steps(program)
    assert len(simplified(steps)) == 1


def test_a_tolerance_is_not_negative():
    with pytest.raises(ValueError, match="`tolerance` is 0 or more. Received: -1"):
        Simplifier(lambda program, seed: 0.0, range(2), tolerance=-1)


def test_what_is_interpolated_is_no_weight():
    program = Program.parse("update = interpolate(0.00012345, g, 0.9982)")
    tried = []

    def evaluate(found, seed):
        tried.append(found.instructions[0].arguments)
        return 0.0 if found == program else -1.0

    Simplifier(evaluate, range(2), tolerance=0.5).steps(program)
    shorter = {x for x, _, _ in tried} - {0.00012345}
    assert shorter == {float(f"{0.00012345:.{digits}g}") for digits in range(1, 5)}
