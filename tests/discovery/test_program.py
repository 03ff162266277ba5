"""Programs as text and JSON."""

import json
import pickle

import numpy as np
import pytest

from keras_lion.discovery import Program, zoo
from keras_lion.discovery.language import abstract
from keras_lion.discovery.language.instruction import Instruction
from tests.discovery.random_programs import random_program

ODD_CONSTANTS = (0.1, 1e-300, -0.0, 1.0, 2.0**-1074, 1e16, -3.5e-7, 0.1 + 0.2)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_survive_text_and_json(seed):
    program = random_program(np.random.default_rng(seed))
    for copy in (
        Program.parse(str(program)),
        Program.from_json(json.loads(json.dumps(program.to_json()))),
        pickle.loads(pickle.dumps(program)),
    ):
        assert copy == program
        assert hash(copy) == hash(program)
        assert copy.functional_hash == program.functional_hash
        assert str(copy) == str(program)


@pytest.mark.parametrize("value", ODD_CONSTANTS)
def test_constants_keep_every_digit(value):
    program = Program((Instruction("update", "multiply", ("g", value)),))
    texts = Program.parse(str(program)), Program.from_json(program.to_json())
    for copy in texts:
        (constant,) = copy.instructions[0].constants
        assert constant.hex() == value.hex()


def test_reads_as_python_and_as_the_paper_writes():
    program = Program.parse(
        """
        # Comments and the paper's names are understood.
        g = clip(g, lr)

        m = interp(g, m, -0.5)
        update = m - 2
        """
    )
    assert str(program) == (
        "g = clip_by_global_norm(g, lr)\nm = interpolate(g, m, -0.5)\nupdate = m - 2.0"
    )
    assert len(program) == 3
    assert [i.function for i in program] == [
        "clip_by_global_norm",
        "interpolate",
        "subtract",
    ]
    assert Program.parse("update = subtract(m, 2)") == Program(program.instructions[2:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("update = g *", "Line 1 is no statement: 'update = g *'"),
        ("g * lr", "one of + - * /. Received: g * lr"),
        ("update = m = g * lr", "Expected `name = function(…)`"),
        ("update[0] = g * lr", "Expected `name = function(…)`"),
        ("update = m", "the call of one function or one of + - * /"),
        ("update = 0.5", "the call of one function or one of + - * /"),
        ("update = g ** 2", "the call of one function or one of + - * /"),
        ("update = sign(x=g)", "the call of one function or one of + - * /"),
        ("update = ops.sign(g)", "the call of one function or one of + - * /"),
        ("update = sign(g * lr)", "give what is computed a name of its own first"),
        ("update = g * True", "An argument is a variable or a number"),
        ("update = g * -lr", "An argument is a variable or a number"),
        ("update = g * 1e999", "A constant is a finite float. Received: inf"),
    ],
)
def test_what_is_no_program_is_refused_with_the_line(text, message):
    with pytest.raises(ValueError, match="Expected|argument|constant") as error:
        Program.parse(text)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["", "2m", "a b", "lambda"])
def test_variables_have_names_of_python(name):
    with pytest.raises(ValueError, match="Expected the name of a variable"):
        Instruction(name, "sign", ("g",))
    with pytest.raises(ValueError, match="Expected the name of a variable"):
        Instruction("m", "sign", (name,))


def test_dead_code_and_buffers_are_those_of_the_analysis():
    assert zoo.PROGRAM_4.without_dead_code() == Program(abstract.live(zoo.PROGRAM_4))
    assert len(zoo.PROGRAM_4.without_dead_code()) == 11
    assert zoo.PROGRAM_4.num_state_buffers == 1
