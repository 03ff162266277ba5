"""The 45 functions: their number, their values, their protections, NumPy and Keras."""

import math

import numpy as np
import pytest
from keras import ops

from keras_lion.discovery.language.abstract import InvalidProgram, check
from keras_lion.discovery.language.execution import make_step
from keras_lion.discovery.language.functions import FUNCTIONS, NUMPY
from keras_lion.discovery.language.instruction import Instruction
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.program_optimizer import KERAS
from tests.arrays import array
from tests.discovery.interpreter import call

DEFINED = [name for name in FUNCTIONS if name != "invert"]
X = np.array([0.0, -0.5, 0.25, 1.0, -1.0, 3.0, -7.5, 1e-3, -1e-3, 80.0, -80.0, 5e3])
Y = np.array([0.0, 2.0, -0.75, -3.0, 0.5, 0.0, 1.5, -2.0, 1e-4, 0.3, 2.0, -1.5])
LR = 0.75


def statements(name):
    """A program whose `update` is the function's value for g, w and lr."""
    given = {"any": ["g", "w"], "scalar": ["lr", "lr"]}
    arguments = [
        given[parameter][number % 2]
        for number, parameter in enumerate(FUNCTIONS[name].parameters)
    ]
    return (
        Instruction("x", name, tuple(arguments)),
        # Whatever its type, it takes w's shape by adding nothing.
        Instruction("zero", "multiply", ("w", 0.0)),
        Instruction("update", "add", ("x", "zero")),
    )


def values(name, library, dtype="float32", convert=np.asarray, lr=LR):
    step = make_step(Program(statements(name)), library)
    leaves = [[convert(part) for part in np.split(x.astype(dtype), 2)] for x in (Y, X)]
    state = [convert(np.zeros(len(X) // 2, dtype))] * 2
    with np.errstate(all="ignore"):
        update, _, _ = step(*leaves, state, state, lr)
    return np.concatenate([array(leaf) for leaf in update])


def test_there_are_45():
    assert len(FUNCTIONS) == 45
    arities = [len(function.parameters) for function in FUNCTIONS.values()]
    assert [arities.count(n) for n in range(4)] == [3, 31, 10, 1]


@pytest.mark.parametrize("name", DEFINED)
def test_keras_computes_what_numpy_computes(name):
    expected = values(name, NUMPY)
    assert expected.dtype == np.float32
    found = values(
        name,
        KERAS,
        convert=ops.convert_to_tensor,
        lr=ops.convert_to_tensor(LR, "float32"),
    )
    # Denormals and the last digits of tan near its poles and of powers differ.
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-30)


@pytest.mark.parametrize("name", DEFINED)
def test_scalars_and_leaves_have_one_definition(name):
    """On one number, a function of a scalar is that of a leaf of one element."""
    parameters = FUNCTIONS[name].parameters
    arguments = [0.4, -0.3, 0.2][: len(parameters)]
    statement = Instruction("x", name, tuple(arguments))
    of_scalars = make_step(Program((statement, *statements(name)[1:])), NUMPY)
    one = [np.ones(1)]
    leaves = [
        value if parameter == "scalar" else [np.array([value])]
        for value, parameter in zip(arguments, parameters, strict=True)
    ]
    with np.errstate(all="ignore"):
        expected = call(name, leaves)
    expected = expected[0] if isinstance(expected, list) else expected
    update, _, _ = of_scalars(one, one, one, one, 1.0)
    np.testing.assert_allclose(update[0], np.ravel(expected), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("divide", (1.0, 0.0), 1e8),
        ("divide", (0.0, 0.0), 0.0),
        ("divide", (3.0, -2.0), 3.0 / (-2.0 + 1e-8)),
        ("sqrt", (-4.0,), 2.0),
        ("log", (-math.e,), 1.0),
        ("log2", (-8.0,), 3.0),
        ("log10", (-1000.0,), 3.0),
        ("log1p", (-3.0,), math.log(2.0)),
        ("log1p", (1e-12,), math.log1p(1e-12)),
        ("log", (0.0,), -math.inf),
        ("log1p", (-1.0,), -math.inf),
        ("reciprocal", (0.0,), math.inf),
        ("arcsin", (2.0,), math.nan),
        ("power", (-2.0, 0.5), math.nan),
        ("exp", (1000.0,), math.inf),
        ("cbrt", (-8.0,), -2.0),
        ("exp10", (2.0,), 100.0),
        ("cube", (-2.0,), -8.0),
        ("interpolate", (10.0, 20.0, 0.1), 11.0),
        ("clip_by_global_norm", (3.0, 1.5), 1.5),
        ("clip_by_global_norm", (0.0, 0.0), 0.0),
        ("get_pi", (), math.pi),
        ("get_e", (), math.e),
        ("get_eps", (), 1e-8),
    ],
)
def test_protections_and_their_absence(name, arguments, expected):
    program = (Instruction("x", name, arguments), *statements(name)[1:])
    one = [np.ones(1)]
    with np.errstate(all="ignore"):
        update, _, _ = make_step(Program(program), NUMPY)(one, one, one, one, 1.0)
    np.testing.assert_allclose(update[0], [expected], rtol=1e-14)


def test_norms_are_of_a_tensor_or_of_all():
    x, y = [np.array([3.0, 4.0]), np.array([12.0])], [np.ones(2), np.ones(1)]
    zero = [np.zeros(2), np.zeros(1)]

    def value(name, *arguments):
        program = (Instruction("x", name, arguments), *statements(name)[1:])
        return make_step(Program(program), NUMPY)(y, x, zero, zero, 6.5)[0]

    def agree(found, *expected):
        for leaf, number in zip(found, expected, strict=True):
            np.testing.assert_allclose(leaf, number)

    agree(value("norm", "g"), 5.0, 12.0)
    agree(value("global_norm", "g"), 13.0, 13.0)
    agree(value("dot", "g", "w"), 19.0, 19.0)
    agree(value("cosine_sim", "g", "w"), *[19 / (13 * math.sqrt(3) + 1e-8)] * 2)
    agree(value("clip_by_global_norm", "g", "lr"), [1.5, 2.0], 6.0)
    agree(value("clip_by_global_norm", "g", 20.0), [3.0, 4.0], 12.0)


def test_invert_is_listed_and_always_rejected():
    with pytest.raises(InvalidProgram, match="`invert` is undefined: it inverts bits"):
        check((Instruction("update", "invert", ("g",)),))
