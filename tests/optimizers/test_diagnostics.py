"""`LionDiagnostics` against NumPy, from weights that the test saves at every batch."""

import keras
import numpy as np
import pytest

from keras_lion import Lion, theory
from keras_lion.optimizers import LionDiagnostics
from keras_lion.optimizers.monitoring.update_meter import UpdateMeter
from tests.arrays import array

K = 5
RATE = 2.0**-8  # a number of float32, as are its multiples
DECAY = 0.5


class States(keras.callbacks.Callback):
    """Weights and momenta after each number of updates, as float64."""

    def on_train_begin(self, logs=None):
        self.states = {}
        self.save()

    def on_train_batch_end(self, batch, logs=None):
        self.save()

    def save(self):
        model = self.model
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        updates = int(array(optimizer.iterations)) if optimizer.built else 0
        weights = [array(v).astype(float) for v in model.trainable_variables]
        momentums = (
            [array(m).astype(float) for m in optimizer._momentums]
            if optimizer.built
            else [np.zeros_like(w) for w in weights]
        )
        self.states.setdefault(updates, (weights, momentums))


def flat(arrays):
    return np.concatenate([a.ravel() for a in arrays])


def interpolated(states, update, betas):
    """c of an update, by way of the gradient."""
    beta_1, beta_2 = betas
    old, new = flat(states[update - 1][1]), flat(states[update][1])
    gradient = (new - beta_2 * old) / (1 - beta_2)
    return beta_1 * old + (1 - beta_1) * gradient


def step_of(states, update, rate, decays):
    """What a weight moved by besides decay, in units of the learning rate."""
    old, new = states[update - 1][0], states[update][0]
    return flat(
        [(o - n) / rate - d * o for o, n, d in zip(old, new, decays, strict=True)]
    )


def from_weights(states, update, rate, decays, betas=(0.9, 0.99)):
    """All metrics of one update; signs come from the weights alone."""
    signs, last = (
        np.round(step_of(states, u, rate, decays)) for u in (update, update - 1)
    )
    c = interpolated(states, update, betas)
    old, new = flat(states[update - 1][0]), flat(states[update][0])
    bounds = [d * np.abs(n) for d, n in zip(decays, states[update][0], strict=True)]
    cosine_of_angle = old @ new / np.linalg.norm(old) / np.linalg.norm(new)
    return {
        "cosine": np.abs(c).sum() / np.linalg.norm(c) / np.sqrt(c.size),
        "sign_flips": np.mean(signs * last < 0),
        "zero_updates": np.mean(signs == 0),
        "decay_bound": flat(bounds).max(),
        "bound_weights": np.mean(flat(bounds) >= 0.9),
        "weight_rms": np.sqrt(np.mean(new**2)),
        "rotation": np.arccos(cosine_of_angle),
    }


def data(batches, bad=()):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batches * 16, 12)).astype("float32")
    y = np.sin(x @ generator.normal(size=(12, 3))).astype("float32")
    for batch in bad:
        y[16 * batch] = np.nan
    return x, y


def model_of(dtype=None):
    keras.utils.set_random_seed(0)
    # The first layer never sees its first input: its momentum stays zero.
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Rescaling(np.array([0.0] + 11 * [1.0]), dtype=dtype),
            keras.layers.Dense(32, activation="tanh", name="hidden", dtype=dtype),
            keras.layers.Dense(3, name="out", dtype=dtype),
        ]
    )


def train(
    optimizer, *, batches=20, epochs=1, every=K, bad=(), dtype=None, build=False, **fit
):
    """States, diagnostics and History of a training."""
    model = model_of(dtype)
    if build:  # else `fit` does, on TensorFlow only in the first step
        optimizer.build(model.trainable_variables)
    model.compile(optimizer, loss="mse", auto_scale_loss=dtype == "mixed_float16")
    states, diagnostics = States(), LionDiagnostics(every)
    history = model.fit(
        *data(batches, bad),
        batch_size=16,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[states, diagnostics, *fit.pop("callbacks", ())],
        **fit,
    )
    return states.states, diagnostics, history.history


def mean_of(rows):
    means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    return means | {"decay_bound": max(row["decay_bound"] for row in rows)}


def check(found, expected, *, cosine=1e-5, flips=0.0):
    for name, value in expected.items():
        options = {"rel": 2e-5, "abs": 1e-7}
        if name == "cosine":
            options = {"rel": cosine}
        elif name == "sign_flips":
            options = {"abs": flips + 1e-9}
        assert found[name] == pytest.approx(value, **options), name


def epochs_of(diagnostics, layer="total"):
    return [row for row in diagnostics.history if row["layer"] == layer]


@pytest.mark.parametrize(
    ("options", "decayed"),
    [
        ({}, [True] * 4),
        ({"weight_decay_mask": "matrices"}, [True, False] * 2),
        ({"beta_1": 0.95, "beta_2": 0.98}, [True] * 4),
        ({"global_clipnorm": 0.1}, [True] * 4),
        ({"gradient_accumulation_steps": 2}, [True] * 4),
        ({"gradient_accumulation_steps": 2, "beta_2": 0.9}, [True] * 4),
        ({"skip_nonfinite": True}, [True] * 4),
        ({"skip_nonfinite": True, "gradient_accumulation_steps": 2}, [True] * 4),
    ],
    ids=str,
)
def test_a_fit_is_measured_as_its_weights_say(options, decayed):
    bad = (3, 8, 9, 15) if "skip_nonfinite" in options else ()
    window = options.get("gradient_accumulation_steps", 1)
    states, diagnostics, logs = train(
        Lion(RATE, weight_decay=DECAY, **options),
        batches=12 * window + len(bad),
        epochs=2,
        bad=bad,
    )
    assert max(states) == 24
    decays = [DECAY * is_decayed for is_decayed in decayed]
    betas = (options.get("beta_1", 0.9), options.get("beta_2", 0.99))
    for epoch, updates in enumerate([(5, 10), (15, 20)]):
        expected = mean_of(
            [from_weights(states, u, RATE, decays, betas) for u in updates]
        )
        total = epochs_of(diagnostics)[epoch]
        check(total, expected)
        check({name: logs[f"lion/{name}"][epoch] for name in expected}, expected)
        assert total["measured"] == 2
        assert total["updates"] == 12 * (epoch + 1)
        assert logs["lion/skipped_steps"][epoch] == len(bad) * (epoch + 1)
        for layer, part in (("hidden", slice(0, 2)), ("out", slice(2, 4))):
            of_layer = {u: (w[part], m[part]) for u, (w, m) in states.items()}
            expected = mean_of(
                [from_weights(of_layer, u, RATE, decays[part], betas) for u in updates]
            )
            (row,) = (
                row
                for row in diagnostics.history
                if row["epoch"] == epoch and row["layer"].endswith(layer)
            )
            check(row, expected)
            assert 0 < row["sign_flips"] < 0.6  # the comparison is not one of zeros
    assert epochs_of(diagnostics)[0]["zero_updates"] == 32 / (13 * 32 + 33 * 3)


def test_the_cosine_is_that_of_known_gradients():
    """Linear regression, whose gradients NumPy has: c does not come from momenta."""
    x, y = data(6)
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(3, use_bias=False)]
    )
    model.compile(Lion(RATE, beta_1=0.8, beta_2=0.95), loss="mse")
    states, diagnostics = States(), LionDiagnostics(6)
    model.fit(
        x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[states, diagnostics]
    )
    momentum = np.zeros((12, 3))
    for update in range(6):
        batch = slice(16 * update, 16 * update + 16)
        residual = x[batch] @ states.states[update][0][0] - y[batch]
        gradient = 2 * x[batch].T @ residual / residual.size
        c = 0.8 * momentum + 0.2 * gradient
        momentum = 0.95 * momentum + 0.05 * gradient
    expected = np.abs(c).sum() / np.sqrt(c.size * (c**2).sum())
    assert diagnostics.history[-1]["cosine"] == pytest.approx(expected, rel=1e-4)


def test_variables_without_decay_are_measured_with_none():
    lion = Lion(RATE, weight_decay=DECAY, weight_decay_mask="matrices")
    lion.build(model_of().trainable_variables)
    rate, decays = UpdateMeter(lion).rates()
    assert rate == pytest.approx(RATE)
    assert list(decays) == pytest.approx([DECAY, 0, DECAY, 0])


def test_a_bfloat16_momentum_costs_few_signs():
    states, diagnostics, _ = train(
        Lion(RATE, weight_decay=DECAY, momentum_dtype="bfloat16")
    )
    rows = [from_weights(states, u, RATE, [DECAY] * 4) for u in (5, 10, 15, 20)]
    check(epochs_of(diagnostics)[0], mean_of(rows), cosine=1e-3, flips=0.02)


def test_a_cautious_step_leaves_weights_out():
    states, diagnostics, _ = train(
        Lion(RATE, weight_decay=DECAY, cautious=True), every=20
    )
    moved = step_of(states, 20, RATE, [DECAY] * 4)
    (total,) = epochs_of(diagnostics)
    assert diagnostics.history[0]["measured"] == 1
    assert total["zero_updates"] == np.mean(np.abs(moved) < 0.5)
    assert total["zero_updates"] > 32 / (13 * 32 + 33 * 3)
    assert np.isnan(total["expected_rotation"])


def test_mixed_precision_is_unwrapped_and_dropped_steps_are_no_updates():
    optimizer = keras.optimizers.LossScaleOptimizer(
        Lion(RATE, weight_decay=DECAY), initial_scale=2.0**20
    )
    states, diagnostics, _ = train(optimizer, dtype="mixed_float16")
    assert 10 <= max(states) < 20  # the first scales overflow
    rows = [
        from_weights(states, u, RATE, [DECAY] * 4) for u in range(K, max(states) + 1, K)
    ]
    check(epochs_of(diagnostics)[0], mean_of(rows))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_that_are_too_coarse_to_move_are_counted(dtype):
    rate = 2.0**-12
    states, diagnostics, _ = train(
        Lion(rate, weight_decay=DECAY, stochastic_rounding=False),
        every=20,
        dtype=dtype,
    )
    number = array(keras.ops.zeros(1, dtype)).dtype  # NumPy's own has no bfloat16
    old = flat(states[19][0]).astype("float32")
    steps = [rate * (sign + DECAY * old) for sign in (1, -1)]
    stuck = np.all([(old - s).astype(number) == old for s in steps], axis=0)
    (total,) = epochs_of(diagnostics)
    assert total["stuck_weights"] == pytest.approx(np.mean(stuck))
    assert (total["stuck_weights"] > 0.3) == (dtype == "bfloat16")
    assert ("cannot move" in " ".join(diagnostics.advice)) == (dtype == "bfloat16")
    unmoved = flat(states[20][0]) == old
    assert np.all(unmoved[stuck])


def test_weights_that_are_rounded_at_random_are_not_stuck():
    lion = Lion(2.0**-12, weight_decay=DECAY)
    _, diagnostics, _ = train(lion, every=20, dtype="bfloat16")
    (total,) = epochs_of(diagnostics)
    assert total["stuck_weights"] == 0


def test_an_int8_momentum_is_decoded():
    found = []
    for dtype in (None, "int8"):
        lion = Lion(2.0**-8, momentum_dtype=dtype)
        weight = keras.Variable(np.zeros((64, 32), "float32"))
        lion.build([weight])
        lion._assign_momentum(0, keras.ops.full((64, 32), 0.25))
        (value,) = UpdateMeter(lion)._state()[1]
        found.append(array(value))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-2)


def test_the_rates_are_those_of_the_measured_update():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [18],
        [RATE, RATE / 4],  # update 10 is made at micro-step 19
    )
    states, diagnostics, _ = train(
        Lion(schedule, weight_decay=DECAY, gradient_accumulation_steps=2),
        every=10,
    )
    (total,) = epochs_of(diagnostics)
    assert total["learning_rate"] == RATE / 4
    moved = step_of(states, 10, RATE / 4, [DECAY] * 4)
    np.testing.assert_allclose(np.abs(moved[32:]), 1, atol=1e-3)
    assert total["expected_weight_rms"] == pytest.approx(
        theory.lion_equilibrium_rms(RATE / 4, DECAY)
    )
    assert total["expected_rotation"] == pytest.approx(
        theory.lion_rotation(RATE / 4, DECAY)
    )


def test_a_learning_rate_that_a_callback_sets_between_epochs_is_seen():
    def rate_of(epoch):
        return RATE / 2**epoch

    _, diagnostics, _ = train(
        Lion(RATE),
        batches=4,
        epochs=2,
        callbacks=[keras.callbacks.LearningRateScheduler(rate_of)],
    )
    assert epochs_of(diagnostics)[1]["learning_rate"] == RATE / 2


@pytest.mark.parametrize(("every", "first"), [(1, 2), (2, 2), (3, 3), (7, 7)])
def test_every_kth_update_is_measured(every, first):
    states, diagnostics, _ = train(
        Lion(RATE, weight_decay=DECAY), every=every, build=True
    )
    updates = range(first, 21, every)
    (total,) = epochs_of(diagnostics)
    assert total["measured"] == len(updates)
    rows = [from_weights(states, u, RATE, [DECAY] * 4) for u in updates]
    check(total, mean_of(rows))


def test_between_measurements_the_state_is_not_touched():
    class Counting(LionDiagnostics):
        looks = 0

        @property
        def model(self):
            self.looks += 1
            return super().model

    model = model_of()
    model.compile(Lion(RATE), loss="mse")
    model.optimizer.build(model.trainable_variables)
    diagnostics = Counting(10)
    model.fit(*data(40), batch_size=16, verbose=0, callbacks=[diagnostics])
    # Twice at the beginning; per measurement three states and the rates of two updates.
    assert diagnostics.looks == 2 + 4 * 5


def test_training_is_the_same_with_and_without():
    def weights(callbacks):
        model = model_of()
        model.compile(Lion(RATE, weight_decay=DECAY), loss="mse")
        model.fit(*data(20), batch_size=16, verbose=0, callbacks=callbacks)
        return flat([array(v) for v in model.trainable_variables])

    np.testing.assert_array_equal(weights([]), weights([LionDiagnostics(3)]))


def test_advice_names_the_layer_and_the_number(capsys):
    model = model_of()
    model.compile(Lion(0.05, weight_decay=10.0), loss="mse")
    diagnostics = LionDiagnostics(5)
    model.fit(*data(40), batch_size=16, verbose=2, callbacks=[diagnostics])
    printed = capsys.readouterr().out
    layers = [r for r in diagnostics.history if r["layer"] != "total"]
    worst = max(layers, key=lambda row: row["bound_weights"])
    assert worst["bound_weights"] >= 0.1
    assert (
        f"Decay binds {100 * worst['bound_weights']:.0f} % of the weights of "
        f"`{worst['layer']}`"
    ) in printed
    assert "weight_decay=10" in printed
    assert f"theory: {theory.lion_equilibrium_rms(0.05, 10.0):.3g}" in printed
    assert printed.count("LionDiagnostics: ") == len(diagnostics.advice) <= 3


def test_skipped_steps_are_advised_on():
    _, diagnostics, _ = train(Lion(RATE, skip_nonfinite=True), bad=(2, 3))
    assert "2 steps were skipped" in diagnostics.advice[1]
    _, diagnostics, _ = train(Lion(RATE, skip_nonfinite=True), bad=())
    assert len(diagnostics.advice) == 1


def test_a_fit_without_a_measured_update_says_so(capsys):
    _, diagnostics, logs = train(Lion(RATE), batches=4)
    assert np.isnan(logs["lion/cosine"][0])
    assert "no update was measured" in diagnostics.advice[0]
    assert "LionDiagnostics" not in capsys.readouterr().out  # verbose=0


def test_tensorboard_gets_every_measured_update_of_every_layer(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    model = model_of()
    model.compile(Lion(RATE, weight_decay=DECAY), loss="mse")
    diagnostics = LionDiagnostics(5, log_dir=tmp_path)
    model.fit(*data(20), batch_size=16, verbose=0, callbacks=[diagnostics])
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    for row in diagnostics.history:
        suffix = "" if row["layer"] == "total" else f"/{row['layer']}"
        for name in ("cosine", "rotation", "expected_rotation"):
            tag = f"lion/{name}{suffix}"
            found = [event.step for event in events.Tensors(tag)]
            assert found == [5, 10, 15, 20]
            values = [e.tensor_proto.float_val[0] for e in events.Tensors(tag)]
            assert np.mean(values) == pytest.approx(row[name], rel=1e-5)


def test_other_optimizers_are_refused():
    model = model_of()
    model.compile("adamw", loss="mse")
    with pytest.raises(ValueError, match=r"keras_lion\.Lion.*AdamW"):
        model.fit(*data(1), verbose=0, callbacks=[LionDiagnostics()])
    model.compile(keras.optimizers.Lion(), loss="mse")
    with pytest.raises(ValueError, match=r"optimizer=keras\..*Lion: compile it"):
        model.fit(*data(1), verbose=0, callbacks=[LionDiagnostics()])


def test_several_steps_per_execution_are_refused():
    model = model_of()
    model.compile(Lion(), loss="mse", steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution=1"):
        model.fit(*data(4), verbose=0, callbacks=[LionDiagnostics()])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "whole number ≥ 1.*every=0"),
        ({"every": 2.5}, "every=2.5"),
        ({"every": True}, "every=True"),
        ({"log_dir": 3}, "log_dir=3"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        LionDiagnostics(**arguments)
