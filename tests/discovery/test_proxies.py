"""Proxies: gradients, determinism, guards, scores."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from keras_lion.discovery import Program, step_function, zoo
from keras_lion.discovery.language.abstract import functional_hash
from keras_lion.discovery.search.evaluation import (
    WORST,
    ProxyFitness,
    evaluate,
    treats_tensors_alike,
)
from keras_lion.discovery.search.mutation import mutate
from keras_lion.discovery.search.network import Network
from keras_lion.discovery.search.proxies import PROXIES, problem_of

TINY = replace(PROXIES["embedding_bags"], steps=30, train_examples=100)
FITNESS = ProxyFitness((TINY,))


@pytest.mark.parametrize("linear", [False, True])
def test_gradient_is_the_derivative_of_the_loss(linear):
    generator = np.random.default_rng(0)
    network = Network((5, 7, 4, 3), (10.0, 1.0, 0.1), linear)
    weights = network.initial(generator).astype(np.float64)
    x, y = generator.normal(size=(6, 5)), np.eye(3)[generator.integers(3, size=6)]
    gradient = np.empty_like(weights)
    network.gradient(network.tensors(weights), x, y, network.tensors(gradient))
    step = 1e-6
    for place in range(0, len(weights), 5):
        change = np.zeros_like(weights)
        change[place] = step
        ends = [
            network.loss(network.tensors(weights + sign * change), x, y)
            for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_scales_leave_the_function_as_it_was_and_scale_gradients():
    def start(scales):
        network = Network((5, 7, 3), scales)
        weights = network.initial(np.random.default_rng(0)).astype(np.float64)
        x, y = np.ones((2, 5)), np.eye(3)[[0, 2]]
        gradient = np.empty_like(weights)
        network.gradient(network.tensors(weights), x, y, network.tensors(gradient))
        return network.loss(network.tensors(weights), x, y), gradient

    plain, scaled = start((1.0, 1.0)), start((10.0, 1.0))
    assert scaled[0] == pytest.approx(plain[0], rel=1e-5)
    assert np.allclose(scaled[1][:35], 10 * plain[1][:35], rtol=1e-4)


@pytest.mark.parametrize("name", PROXIES)
def test_training_helps(name):
    proxy = PROXIES[name]
    if proxy.source == "digits":
        pytest.importorskip("sklearn")
    adamw = evaluate(step_function(zoo.ADAMW), proxy, learning_rate=5.0)
    assert 0.2 < adamw < 1
    assert evaluate(step_function(Program.parse("update = g * 0.0")), proxy) == 0.0


def test_the_loss_that_counts_is_of_other_examples_without_noise():
    noisy = replace(TINY, label_noise=1.0)
    clean, wrong = problem_of(TINY), problem_of(noisy)
    assert np.array_equal(clean.x, wrong.x)
    assert not np.array_equal(clean.y, wrong.y)
    assert np.array_equal(clean.y_validation, wrong.y_validation)
    assert len(clean.y_validation) == 512
    assert not (clean.x[:, :, None] == clean.x_validation).all(-1).any(-1).all()


def test_fitness_is_a_function_of_the_hash():
    # AdamW, differently written: the fitness is the same to the last bit.
    other = Program.parse(
        "\n".join(
            [
                "wd = 0.01 * w",
                "sq = square(g)",
                "v = interpolate(g, v, 0.9)",
                "m = interpolate(sq, m, 0.999)",
                "dead = cosh(m)",
                "root = sqrt(m)",
                "update = v / root",
                "update = wd + update",
                "rate = 0.001 * lr",
                "update = rate * update",
            ]
        )
    )
    assert functional_hash(other) == functional_hash(zoo.ADAMW)
    assert FITNESS(other) == FITNESS(zoo.ADAMW)
    problem_of.cache_clear()
    assert FITNESS(other) == FITNESS(zoo.ADAMW)


def test_one_vector_is_as_good_as_tensors_unless_norms_are_taken():
    step = step_function(zoo.LION)
    assert treats_tensors_alike(zoo.LION)
    apart = evaluate(step, TINY, one_vector=False)
    assert evaluate(step, TINY, one_vector=True) == pytest.approx(apart, rel=1e-5)
    layerwise = Program.parse("""
        n = norm(g)
        update = g / n
        update = update * lr
    """)
    assert not treats_tensors_alike(layerwise)
    assert FITNESS(layerwise) == evaluate(step_function(layerwise), TINY)
    together = evaluate(step_function(layerwise), TINY, one_vector=True)
    assert together != FITNESS(layerwise)
    dead = Program.parse("n = norm(g)\nupdate = g * lr")
    assert treats_tensors_alike(dead)


@pytest.mark.parametrize(
    "text",
    [
        "update = log(g)\nupdate = update - update",  # NaN where a gradient is 0
        "update = g * 1e30",
        "update = w * -3.0",  # grows to 4 ** 30
        "update = exp10(w)\nm = exp10(update)\nupdate = m * m",
    ],
)
def test_divergence_is_worst(text):
    assert FITNESS(Program.parse(text)) == WORST


def test_weights_are_looked_at_every_20_steps():
    calls = []

    def grow(w, g, m, v, lr):
        calls.append(1)
        return [np.full_like(x, 1e6) for x in w], m, v

    assert evaluate(grow, TINY) == WORST
    assert len(calls) == 20
    calls.clear()

    def late(w, g, m, v, lr):
        calls.append(1)
        size = np.nan if len(calls) == 30 else 0.0
        return [np.full_like(x, size) for x in w], m, v

    assert evaluate(late, TINY) == WORST
    assert len(calls) == 30


def test_time_that_is_up_is_worst():
    def slow(w, g, m, v, lr):
        time.sleep(0.001)
        return [x * 0 for x in w], m, v

    assert evaluate(slow, TINY, time_limit=0.0) == WORST
    assert evaluate(slow, TINY, time_limit=60.0) == 0.0


def test_too_long_programs_are_worst():
    short = replace(FITNESS, max_statements=8)
    assert short(zoo.ADAMW) == WORST  # nine live statements
    assert replace(FITNESS, max_statements=9)(zoo.ADAMW) == FITNESS(zoo.ADAMW)


def test_one_worst_proxy_is_enough():
    other = replace(TINY, name="other", seed=1)
    both = ProxyFitness((TINY, other))
    mean = np.mean([FITNESS(zoo.LION), ProxyFitness((other,))(zoo.LION)])
    assert both(zoo.LION) == pytest.approx(mean, rel=1e-12)
    assert both(Program.parse("update = g * 1e30")) == WORST


def test_seeds_and_sizes():
    assert FITNESS.with_seed(1)(zoo.ADAMW) != FITNESS(zoo.ADAMW)
    (larger,) = FITNESS.scaled(9.0).proxies
    assert (larger.hidden, larger.steps) == ((24,), 90)
    assert larger.name == "embedding_bags_x9"
    flat = PROXIES["heavy_tailed_logistic"].scaled(10)
    assert flat.steps == 1000
    assert np.array_equal(
        problem_of(larger).x_validation, problem_of(TINY).x_validation
    )


def test_fitness_as_json():
    assert ProxyFitness.from_json(FITNESS.to_json()) == FITNESS


def test_unknown_proxies():
    with pytest.raises(ValueError, match="no proxy 'imagenet'. Choose among: heavy"):
        ProxyFitness.named("imagenet")


def test_warm_start_of_children_is_quiet():
    # No child raises, and none warns: warnings are errors here.
    generator = np.random.default_rng(0)
    program = zoo.ADAMW
    count = 400 if os.environ.get("KERAS_LION_SLOW_TESTS") == "1" else 60
    for _ in range(count):
        program = mutate(program, generator)
        fitness = FITNESS(program)
        assert fitness == WORST or np.isfinite(fitness)
