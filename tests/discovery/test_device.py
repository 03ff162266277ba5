"""The device interpreter against the NumPy closures, program by program.

Both compute in float32, but sum in another order, and scalars are double in NumPy only:
scores that a few steps lead to agree to some 1e-6.
"""

import itertools
import json
import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_lion import cli
from keras_lion.discovery import Program, ProxyFitness, Search, SearchSettings, zoo
from keras_lion.discovery.commands import _fitness_in
from keras_lion.discovery.language.functions import FUNCTIONS
from keras_lion.discovery.search import mutation as mutations
from keras_lion.discovery.search.checkpoint import SearchFolder
from keras_lion.discovery.search.device import device_evaluator
from keras_lion.discovery.search.evaluation import cosine
from keras_lion.discovery.search.program_table import BRANCHES, table_of
from keras_lion.discovery.search.proxies import PROXIES, Proxy
from keras_lion.tuning import backend
from tests.discovery.random_programs import random_program

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the device interpreter runs on JAX"
)

SMALL = Proxy(
    "small",
    "bags",
    hidden=(6,),
    scales=(2.0, 1.5),
    batch_size=8,
    steps=3,
    train_examples=32,
)
FITNESS = ProxyFitness((SMALL,), learning_rate=0.5)
CLOSE = 1e-5


@pytest.fixture(scope="module", params=[1, 64], ids=["one by one", "in batches"])
def on_device(request):
    return device_evaluator(FITNESS, batch_size=request.param)


def agreement(found, expected):
    """Which values are the same but for rounding; losses may be large."""
    pairs = zip(found, expected, strict=True)
    return np.array(
        [x == y or abs(x - y) <= CLOSE * (1 + min(abs(x), abs(y))) for x, y in pairs]
    )


def assert_close(on_device, programs, fitness=FITNESS):
    found, expected = on_device(programs), [fitness(program) for program in programs]
    same = agreement(found, expected)
    wrong = [
        (x, y, str(program))
        for x, y, program, agrees in zip(found, expected, programs, same, strict=True)
        if not agrees
    ]
    assert not wrong
    return expected


@pytest.mark.parametrize("name", PROXIES)
def test_the_zoo_on_every_proxy(name):
    """100 steps: a sign that rounding turns round moves one weight by 2e-4 or so."""
    if PROXIES[name].source == "digits":
        pytest.importorskip("sklearn")
    fitness = ProxyFitness.named(name, seed=3)
    found = device_evaluator(fitness)([*zoo.ZOO.values()])
    assert found == pytest.approx(
        [fitness(program) for program in zoo.ZOO.values()], abs=1e-4
    )


# Values within the domain of every function: `a` in (0, 0.9), `b` above 1; one for each
# tensor, `t`; and the scalar `s`.
SETTING = """
    a = w * 9.0
    a = tanh(a)
    a = abs(a)
    a = a * 0.9
    b = a + 1.25
    t = norm(w)
    t = t * 0.2
    u = norm(g)
    s = dot(t, t)
"""
FIRST = {"scalar": "s", "scalar of each tensor": "t", "tensor": "a"}
SECOND = {"scalar": "lr", "scalar of each tensor": "u", "tensor": "g"}


def calls():
    """Every function as often as it has branches, and in every order of arguments."""
    for function, types in BRANCHES[1:]:
        count = len(FUNCTIONS[function].parameters)
        if types:
            names = [FIRST[types[0]], *(SECOND[kind] for kind in types[1:])]
            yield f"{function}({', '.join(names)})"
        elif count == 1:
            yield f"{function}({'b' if function == 'arccosh' else 'a'})"
        elif count == 2:
            yield f"{function}(t, a)"
            if not FUNCTIONS[function].commutative:
                yield f"{function}(b, s)"
        else:
            yield f"{function}(b, t, s)"
            yield f"{function}(b, 0.5, 0.75)"


def used(text):
    lines = f"x = {text}\nx = arctan(x)\nx = x * w\nupdate = x * -1.5\n"
    setting = "\n".join(line.strip() for line in SETTING.strip().splitlines())
    return Program.parse(f"{setting}\n{lines}")


@pytest.mark.slow
def test_every_branch(on_device):
    programs = [used(call) for call in calls()]
    run = {
        number
        for program in programs
        for numbers, *_, length in [table_of(program, 60)]
        for number in numbers[:length]
    }
    assert run == {*range(len(BRANCHES))}
    expected = assert_close(on_device, programs)
    assert np.isfinite(expected).all()
    # Any function in another's place would be seen, except those that agree here.
    named = sorted(zip(expected, calls(), strict=True))
    alike = {
        frozenset((one, other))
        for (low, one), (high, other) in itertools.pairwise(named)
        if high - low < 3 * CLOSE * (1 + abs(low))
    }
    assert {*map(tuple, map(sorted, alike))} == {
        ("global_norm(s)", "norm(s)"),
        ("cosine_sim(s, lr)", "sign(a)"),
    }


CASES = {
    "inputs assigned within a step": """
        w = w * 0.5
        g = w + g
        lr = lr * 0.7
        update = g * lr
        w = g + 1.0
        g = w * w
    """,
    "a state's name for a scalar": """
        m = global_norm(g)
        update = g / m
        m = update + g
    """,
    "a live state that is a scalar for a while": """
        a = v + g
        v = global_norm(a)
        b = a * v
        v = a * 0.9
        update = b * 0.1
    """,
    "a state read before and after": """
        a = m * 0.5
        m = m + g
        update = m + a
        update = update * 0.3
        m = update - v
        v = a + g
    """,
    "a weight near 1, and its complement in double precision": """
        m = interpolate(g, m, 0.99999)
        update = m * 30000.0
    """,
    "a weight that is computed": """
        a = lr * 0.25
        m = interpolate(g, m, a)
        update = m * lr
    """,
    "constants folded, and assigned anew": """
        a = get_pi()
        a = a * 0.1
        b = sqrt(a)
        a = g + b
        b = a * b
        update = b * 0.02
    """,
    "constants beyond float32": """
        a = exp10(200.0)
        b = w / a
        update = b + g
    """,
    "constants that are infinite": """
        a = reciprocal(0.0)
        a = minimum(g, a)
        update = a * lr
    """,
    "a clipped scalar": """
        a = global_norm(g)
        a = clip_by_global_norm(a, 0.25)
        update = g * a
    """,
    "clipped norms": """
        a = norm(w)
        b = clip_by_global_norm(a, 0.5)
        update = w * b
        update = update * lr
    """,
    "a constant among tensors": """
        a = 1.5 - g
        b = power(2.0, a)
        c = 0.25 / b
        update = maximum(0.01, c)
        update = update * w
    """,
    "similarity of norms": """
        a = norm(w)
        b = norm(g)
        c = cosine_sim(a, b)
        update = g * c
    """,
}


def test_cases(on_device):
    programs = [Program.parse(text) for text in CASES.values()]
    expected = assert_close(on_device, programs)
    assert np.isfinite(expected).all()
    assert min(np.diff(sorted(expected))) > 3 * CLOSE


def some_programs():
    generator = np.random.default_rng(0)
    programs = [
        *(random_program(generator, 3 + number % 15) for number in range(100)),
        *(mutations.random_program(generator, 4 + number % 12) for number in range(40)),
    ]
    for number in range(100):
        child = [*zoo.ZOO.values()][number % len(zoo.ZOO)]
        for _ in range(1 + number % 15):
            child = mutations.mutate(child, generator)
        programs.append(child)
    return programs


def test_random_programs_and_mutants(on_device):
    """Rounding decides where a program jumps or divides by what cancels: in few."""
    programs = some_programs()
    found, expected = on_device(programs), [*map(FITNESS, programs)]
    assert agreement(found, expected).mean() > 0.97
    learning = [math.isfinite(value) and value != 0 for value in expected]
    assert np.mean(learning) > 0.3
    assert np.mean(np.isinf(expected)) > 0.1


@pytest.mark.slow
def test_values_are_in_order_and_do_not_depend_on_the_company():
    programs = [
        zoo.ADAMW,
        Program.parse("update = w * -100.0"),  # diverges
        zoo.SGD_MOMENTUM,
        Program.parse("\n".join(["update = g * 2.0"] * 70)),  # one of them is live
        Program.parse("\n".join(["update = g * 0.1", *["update = update + g"] * 60])),
        zoo.LION,
    ]
    proxies = (replace(SMALL, steps=25), replace(SMALL, steps=6, seed=1))
    fitness = ProxyFitness(proxies)
    on_device = device_evaluator(fitness, batch_size=4)
    values = on_device(programs)
    assert [*np.isinf(values)] == [False, True, False, False, True, False]
    assert agreement(values, [*map(fitness, programs)]).all()
    assert on_device(programs[::-1]) == values[::-1]
    assert [on_device([program])[0] for program in programs] == values
    assert on_device([]) == []


@pytest.mark.slow
def test_the_longest_program_fits():
    names = [f"x{number}" for number in range(8)]
    lines = [f"{y} = {x} + g" for x, y in itertools.pairwise(names)]
    program = Program.parse("\n".join(["x0 = g * 0.5", *lines, "update = x7 * x6"]))
    fitness = replace(FITNESS, max_statements=len(program))
    on_device = device_evaluator(fitness, batch_size=2)
    # Beside a shorter one, whose rows that do nothing must do nothing.
    assert_close(on_device, [zoo.SGD, program], fitness)
    shorter = replace(fitness, max_statements=len(program) - 1)
    assert device_evaluator(shorter)([program]) == [-math.inf]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 2])
def test_weights_are_looked_at_when_numpy_looks(batch_size):
    steps = 45
    fitness = ProxyFitness((replace(SMALL, steps=steps),))

    def large_after(step, size):
        """Weights of `size` after one step, and of 0 after any other."""
        return Program.parse(f"""
            a = lr - {cosine(steps)[step]!r}
            a = square(a)
            a = a * -1e8
            a = exp(a)
            a = a * {size!r}
            update = w - a
        """)

    on_device = device_evaluator(fitness, batch_size=batch_size)
    looks = [18, 19, 20, 38, 39, 40, 43, 44]
    programs = [large_after(step, size) for size in (2e6, 9e5) for step in looks]
    values = on_device(programs)
    seen = [step in (19, 39, 44) for step in looks]
    assert [*np.isinf(values)] == [*seen, *[False] * len(looks)]
    assert agreement(values, [*map(fitness, programs)]).all()


def test_large_logits_that_are_equal_cancel():
    """As they do in NumPy, though their rounding errors are in the millions."""
    program = Program.parse("update = w - 900000.0")
    (value,) = device_evaluator(FITNESS)([program])
    assert value == pytest.approx(FITNESS(program), abs=CLOSE)


@pytest.mark.slow
def test_one_function_is_compiled_for_all_programs(monkeypatch):
    traces = []
    compile_function = backend.compile_function

    def counted(function):
        def traced(*arguments):
            traces.append(function)
            return function(*arguments)

        return compile_function(traced)

    monkeypatch.setattr(backend, "compile_function", counted)
    programs = some_programs()
    for batch_size in (1, 32):
        on_device = device_evaluator(FITNESS, batch_size=batch_size)
        assert not traces
        on_device(programs[:1])
        on_device(programs[::5])
        on_device([*zoo.ZOO.values()])
        assert len(traces) == 1
        traces.clear()


@pytest.mark.slow
def test_a_search_goes_on_where_it_stopped(tmp_path, on_device):
    settings = SearchSettings(population=20, generation=16, seed=2)
    whole = Search(settings, FITNESS, evaluate_all=on_device)
    best = whole.run(96)
    assert best.fitness == pytest.approx(FITNESS(best.program), abs=CLOSE)
    assert best.fitness > FITNESS(settings.start)
    folder = SearchFolder(tmp_path, interval=32)

    def opened():
        return folder.open(settings, FITNESS, evaluate_all=on_device)

    opened().run(48, after_generation=folder.record)
    resumed = opened()
    resumed.run(96, after_generation=folder.record)
    assert resumed.state.to_json() == whole.state.to_json()


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="one is 'tensorflow'; set KERAS_BACKEND=jax"):
        device_evaluator(FITNESS)


def test_a_batch_has_a_program():
    with pytest.raises(ValueError, match="must be at least 1. Received: 0"):
        device_evaluator(FITNESS, batch_size=0)


PROXY = "heavy_tailed_logistic"


@pytest.mark.slow
def test_command(tmp_path, capsys):
    command = ["discover", "run", "--output", str(tmp_path), "--proxies", PROXY]
    command += ["--children", "40", "--population", "10", "--generation", "20"]
    assert cli.main([*command, "--device"]) == 0
    assert "40 children · " in capsys.readouterr().out
    found = json.loads((tmp_path / "search.json").read_text())
    assert found["fitness"]["device"] == backend.device_name()
    assert SearchFolder(tmp_path).settings().generation == 20
    # What comes after the search is computed by NumPy.
    assert _fitness_in(tmp_path) == ProxyFitness.named(PROXY)
    assert cli.main(command) == 2
    assert "holds another search: device differ" in capsys.readouterr().err
    assert cli.main([*command, "--device", "--workers", "2"]) == 2
    assert "in one process. Received: --workers 2" in capsys.readouterr().err
