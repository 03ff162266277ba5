"""Validity, liveness and functional hashes."""

import numpy as np
import pytest

from keras_lion.discovery import Program, step_function, zoo
from keras_lion.discovery.language import abstract
from keras_lion.discovery.language.abstract import InvalidProgram
from keras_lion.discovery.search.mutation import mutate
from tests.discovery.random_programs import random_program


def check(text):
    return abstract.check(Program.parse(text))


def live(text):
    return str(Program.parse(text).without_dead_code())


def same(*texts):
    return len({abstract.functional_hash(Program.parse(text)) for text in texts}) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("m = sign(g)", "`update` is an output and is never assigned"),
        ("update = lr * 2", "`update` is an output and must have w's shape, but is a "),
        ("update = sign(g)\nm = norm(g)", "`m` is an output and must have w's shape"),
        ("update = sign(g)\nv = get_pi()", "but is a scalar"),
        ("update = x * g", "statement 1, update = x * g: `x` is read before it is "),
        ("update = soft(g)", "there is no function `soft`"),
        ("update = sign(g, m)", "`sign` takes 1 argument(s), not 2"),
        ("update = interpolate(g, m, v)", "takes a scalar here, but v is a tensor"),
        (
            "a = norm(g)\nupdate = clip(g, a)",
            "takes a scalar here, but a is a scalar of each tensor",
        ),
        ("a = dot(g, lr)", "takes two values of one type, not a tensor and a scalar"),
        ("a = cosine_sim(0.5, w)", "two values of one type, not a scalar and a tensor"),
        ("update = invert(g)", "`invert` is undefined"),
    ],
)
def test_reasons_of_rejection(text, reason):
    with pytest.raises(InvalidProgram) as error:
        check(text)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("g * lr", "tensor"),
        ("norm(g)", "scalar of each tensor"),
        ("norm(lr)", "scalar"),
        ("sqrt(lr)", "scalar"),
        ("global_norm(g)", "scalar"),
        ("dot(g, m)", "scalar"),
        ("clip(g, lr)", "tensor"),
        ("clip(lr, 0.5)", "scalar"),
        ("interpolate(lr, g, 0.5)", "tensor"),
        ("interpolate(lr, 0.1, 0.5)", "scalar"),
        ("get_e()", "scalar"),
    ],
)
def test_types(expression, expected):
    assert check(f"x = {expression}\nupdate = sign(g)")["x"] == expected


def test_scalars_of_tensors_broadcast():
    types = check("a = norm(g)\nb = a * lr\nupdate = g / b")
    assert (types["b"], types["update"]) == ("scalar of each tensor", "tensor")


@pytest.mark.parametrize(
    ("text", "kept", "states"),
    [
        # m is written and never read: the paper's analysis keeps it.
        ("update = g * lr\nm = cosh(update)", "update = g * lr", 0),
        # m only feeds itself.
        ("m = m + g\nupdate = g * lr", "update = g * lr", 0),
        # m feeds v, and v the update, one step later each.
        (
            "update = v * lr\nv = sign(m)\nm = abs(g)",
            "update = v * lr\nv = sign(m)\nm = abs(g)",
            2,
        ),
        # m is overwritten before it is read.
        (
            "m = m + g\nm = sign(g)\nupdate = m * lr",
            "m = sign(g)\nupdate = m * lr",
            0,
        ),
        # The last write of a state counts, not the one that the update reads.
        (
            "m = interpolate(g, v, 0.9)\nupdate = sign(m)\nv = abs(g)\nm = exp(g)",
            "m = interpolate(g, v, 0.9)\nupdate = sign(m)\nv = abs(g)",
            1,
        ),
        # An input that is reassigned for one step does not carry over.
        (
            "update = g * lr\ng = g * g\nlr = lr * lr",
            "update = g * lr",
            0,
        ),
        # The states exchange their roles.
        (
            "update = m * lr\nm = abs(v)\nv = abs(g)",
            "update = m * lr\nm = abs(v)\nv = abs(g)",
            2,
        ),
        ("update = g * g\nupdate = g * lr", "update = g * lr", 0),
    ],
)
def test_liveness_is_carried_by_the_states(text, kept, states):
    assert live(text) == kept
    assert Program.parse(text).num_state_buffers == states


def test_redundancy_of_one_step_and_carried():
    found = abstract.redundancy(zoo.PROGRAM_8)
    assert (found.per_step, found.loop_carried) == pytest.approx((8 / 21, 9 / 21))
    assert abstract.redundancy(()) == abstract.Redundancy(0.0, 0.0)


@pytest.mark.parametrize("seed", range(30))
def test_dead_statements_change_neither_hash_nor_liveness(seed):
    program = random_program(np.random.default_rng(seed))
    short = program.without_dead_code()
    assert short.functional_hash == program.functional_hash
    assert short.without_dead_code() == short
    assert short.num_state_buffers == program.num_state_buffers


def test_a_scalar_in_a_states_name_gets_its_own_without_the_dead_statement():
    found = live("m = lr * 2.0\nm_1 = g * m\nupdate = m_1 * m\nm = g + 1.0")
    assert found == "m_2 = lr * 2.0\nm_1 = g * m_2\nupdate = m_1 * m_2"
    both = live("v = lr * 2.0\nm = v + 1.0\nupdate = g * m\nm = abs(g)\nv = abs(w)")
    assert both == "v_1 = lr * 2.0\nm_1 = v_1 + 1.0\nupdate = g * m_1"


def test_without_dead_code_every_child_runs_and_does_the_same():
    renamed = 0
    for seed in range(4):
        generator = np.random.default_rng(seed)
        tensors = [generator.normal(size=(2, 3)) for _ in range(4)]
        program = zoo.ADAMW
        for _ in range(400):
            program = mutate(program, generator)
            short = program.without_dead_code()
            abstract.check(short)
            assert short.functional_hash == program.functional_hash
            renamed += short.instructions != abstract.live(program)
            for found, expected in zip(
                step_function(short)(*tensors, 0.5),
                step_function(program)(*tensors, 0.5),
                strict=True,
            ):
                np.testing.assert_array_equal(found, expected)
    assert renamed > 3  # the drift meets programs that need it


BASE = "a = g * lr\nb = w * 0.1\nupdate = a - b"


@pytest.mark.parametrize(
    "text",
    [
        "x = g * lr\ng = w * 0.1\nupdate = x - g",  # names
        "b = w * 0.1\na = g * lr\nupdate = a - b",  # order of statements
        "a = lr * g\nb = 0.1 * w\nupdate = a - b",  # order of arguments
        f"{BASE}\nm = cosh(update)",  # dead statements
        f"update = exp(g)\n{BASE}",
        BASE.replace("0.1", "1e-1"),
    ],
)
def test_hash_ignores_what_changes_nothing(text):
    assert same(BASE, text)


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("a - b", "b - a"),
        BASE.replace("a - b", "a + b"),
        BASE.replace("0.1", "0.10000000000000002"),
        BASE.replace("w * 0.1", "g * 0.1"),
        BASE.replace("w * 0.1", "m * 0.1"),
        BASE.replace("0.1", "lr"),
    ],
)
def test_hash_sees_what_changes_the_update(text):
    assert not same(BASE, text)


def test_names_of_states_do_not_matter_but_their_roles_do():
    text = "m = interpolate(g, m, 0.9)\nv = square(v)\nupdate = m / v"
    swapped = "v = interpolate(g, v, 0.9)\nm = square(m)\nupdate = v / m"
    assert same(text, swapped)
    assert not same(text, text.replace("m / v", "v / m"))
    assert same("m = m + g\nupdate = sign(m)", "v = v + g\nupdate = sign(v)")
    assert not same("m = m + g\nupdate = sign(m)", "m = v + g\nupdate = sign(m)")
    # Read before or after the state is written.
    assert not same(
        "update = m * lr\nm = interpolate(g, m, 0.9)",
        "m = interpolate(g, m, 0.9)\nupdate = m * lr",
    )


def test_arguments_that_are_not_commutative_keep_their_order():
    for name in ("subtract", "divide", "power"):
        assert not same(f"update = {name}(g, w)", f"update = {name}(w, g)")
    for name in ("add", "multiply", "maximum", "minimum"):
        assert same(f"update = {name}(g, w)", f"update = {name}(w, g)")
    for name in ("dot", "cosine_sim"):
        assert same(*(f"a = {name}({x})\nupdate = g * a" for x in ("g, w", "w, g")))
    assert not same(
        "update = interpolate(g, w, 0.5)", "update = interpolate(w, g, 0.5)"
    )


def test_programs_of_the_zoo_are_all_different():
    hashes = {program.functional_hash for program in zoo.ZOO.values()}
    assert len(hashes) == len(zoo.ZOO)
