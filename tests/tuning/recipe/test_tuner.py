"""The tuner with real trainings of a tiny model."""

from __future__ import annotations

import math
import threading

import keras
import keras_tuner
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.tuning import RecipeTuner
from keras_lion.tuning.recipe.compiled import set_optimizer
from keras_lion.tuning.recipe.oracle import RecipeOracle
from keras_lion.tuning.recipe.proposal import Settings
from keras_lion.tuning.recipe.stopping import is_hopeless
from tests.tuning.recipe.sessions import RECIPE, hill

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")
FIT = {"validation_split": 0.5, "epochs": 1, "verbose": 0, "batch_size": 16}


def build_model(hp, optimizer=None, **compiled):
    units = hp.Int("units", 2, 4, default=3)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)]
    )
    optimizer = keras.optimizers.AdamW(1e-2) if optimizer is None else optimizer
    model.compile(optimizer, "mse", metrics=["accuracy"], **compiled)
    return model


def tuner(folder, hypermodel=build_model, **options):
    options = {"learning_rate": 1e-2, "weight_decay": 0.1, "max_trials": 4} | options
    return RecipeTuner(hypermodel, directory=str(folder), project_name="p", **options)


def tried(tuner):
    return [each.proposal for each in tuner.oracle.results()]


def test_it_ends_with_a_recommendation(tmp_path, capsys):
    mine = tuner(tmp_path)
    mine.search(X, Y, **FIT)
    results = mine.oracle.results()
    assert [each.finished for each in results] == [True] * 4
    found = mine.recommendation()
    assert found.text.splitlines()[0].startswith(("Stay with AdamW", "Switch to Lion"))
    # 4 · 3 + 3 + 3 · 1 + 1 parameters, 4 bytes each.
    assert "19 parameters" in found.text
    scores = {each.proposal.kind: each.score for each in results}
    assert set(scores) == {"start", "repeat"}


def test_a_score_is_what_fit_gives(tmp_path):
    """The first trial, trained by hand."""
    mine = tuner(tmp_path, max_trials=1, objective="val_accuracy")
    mine.search(X, Y, **FIT)
    (result,) = mine.oracle.results()
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = build_model(keras_tuner.HyperParameters())
    settings = result.proposal.settings
    model.compile(
        Lion(settings.learning_rate, weight_decay=settings.weight_decay),
        "mse",
        metrics=["accuracy"],
    )
    history = model.fit(X, Y, **FIT).history
    assert result.score == history["val_accuracy"][0]


def test_another_model_is_not_mixed_with_the_trials_before(tmp_path):
    tuner(tmp_path, max_trials=1).search(X, Y, **FIT)

    def smaller(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("adamw", "mse")
        return model

    with pytest.raises(ValueError, match="of 19 parameters. This one has 5"):
        tuner(tmp_path, smaller, max_trials=2).search(X, Y, **FIT)
    with pytest.raises(ValueError, match=r"another recipe: weight_decay 0.1 \(now 0.2"):
        tuner(tmp_path, weight_decay=0.2)
    assert len(tried(tuner(tmp_path, max_trials=2))) == 1


def test_an_objective_that_fit_does_not_report_ends_the_search(tmp_path):
    mine = tuner(tmp_path)
    with pytest.raises(ValueError, match="call `search` first"):
        mine.recommendation()
    without = {**FIT, "validation_split": 0.0}
    with pytest.raises(ValueError, match="reports no 'val_loss'. It reports accuracy"):
        mine.search(X, Y, **without)


def test_diverged_trials_are_results(tmp_path):
    class NaN(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = math.nan

    mine = tuner(tmp_path, max_trials=5)
    mine.search(X, Y, callbacks=[NaN()], **FIT)
    assert all(math.isnan(each.score) for each in mine.oracle.results())
    with pytest.raises(ValueError, match="No trial has a score"):
        mine.recommendation()


def test_an_error_of_the_model_ends_the_search(tmp_path):
    def broken(hp):
        if hp.values.get("kind"):
            raise KeyError("no such column")
        return build_model(hp)

    mine = tuner(tmp_path, broken)
    with pytest.raises(RuntimeError, match="no such column"):
        mine.search(X, Y, **FIT)


class Stop(keras.callbacks.Callback):
    """Interrupts the training of a trial."""

    def __init__(self, counter, at):
        super().__init__()
        self.counter = counter
        self.at = at

    def __deepcopy__(self, memo):
        return self

    def on_train_begin(self, logs=None):
        self.counter.append(1)
        if len(self.counter) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, at):
    whole = tuner(tmp_path / "whole", max_trials=5)
    whole.search(X, Y, **FIT)
    first = tuner(tmp_path / "cut", max_trials=5)
    with pytest.raises(KeyboardInterrupt):
        first.search(X, Y, callbacks=[Stop([], at)], **FIT)
    second = tuner(tmp_path / "cut", max_trials=5)
    second.search(X, Y, **FIT)
    assert tried(second) == tried(whole)
    assert [e.score for e in second.oracle.results()] == [
        e.score for e in whole.oracle.results()
    ]


@pytest.mark.parametrize(
    "name", ["oracle.json", pytest.param("trial_2/trial.json", marks=pytest.mark.slow)]
)
def test_a_file_that_was_cut_does_not_end_a_project(tmp_path, name):
    first = tuner(tmp_path, max_trials=3)
    first.search(X, Y, **FIT)
    before = tried(first)
    (tmp_path / "p" / name).write_text('{"on')
    second = tuner(tmp_path, max_trials=3)
    second.search(X, Y, **FIT)
    assert tried(second) == before


def test_workers_of_one_oracle_never_get_the_same_trial(tmp_path):
    oracle = RecipeOracle(RECIPE, "val_loss", 20)
    oracle.verbose = 0
    oracle._set_project_dir(str(tmp_path), "p")
    score = hill((0.4, -0.2))

    def work(name):
        while (trial := oracle.create_trial(name)).status == "RUNNING":
            settings = oracle._result(trial).proposal.settings
            oracle.update_trial(trial.trial_id, {"val_loss": -score(settings)})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)

    threads = [threading.Thread(target=work, args=(f"worker{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [(e.proposal.settings, e.proposal.seed) for e in oracle.results()]
    assert len(set(done)) == 20


SETTINGS = {
    "lion": Settings("lion", 2e-3, 0.5, 0.9, 0.99),
    "adamw": Settings("adamw", 2e-2, 0.05, 0.9, 0.999),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_rest_of_the_optimizer_is_kept(name):
    old = keras.optimizers.AdamW(1.0, global_clipnorm=0.5, use_ema=True, epsilon=1e-5)
    old.exclude_from_weight_decay(var_names=["bias"])
    model = build_model(keras_tuner.HyperParameters(), old)
    set_optimizer(model, SETTINGS[name], None, 1.0)
    new = model.optimizer
    assert isinstance(new, Lion) == (name == "lion")
    assert (new.global_clipnorm, new.use_ema) == (0.5, True)
    assert float(new.learning_rate) == pytest.approx(SETTINGS[name].learning_rate)
    assert new.weight_decay == SETTINGS[name].weight_decay
    if name == "adamw":
        assert new.epsilon == 1e-5
    # Without gradients, weight decay is all that a step does.
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    new.apply(
        [keras.ops.zeros(variable.shape) for variable in model.trainable_variables],
        model.trainable_variables,
    )
    for variable in model.trainable_variables:
        decayed = float(np.max(variable)) < 1
        assert decayed == (variable.name == "kernel")


def test_a_schedule_is_scaled():
    model = build_model(keras_tuner.HyperParameters())
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    set_optimizer(model, SETTINGS["lion"], schedule, 0.1)
    rates = model.optimizer.get_config()["learning_rate"]["config"]
    assert rates["initial_learning_rate"] == pytest.approx(2e-3)
    assert schedule.initial_learning_rate == 0.1


def test_loss_scaling_is_kept():
    scaled = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.AdamW(), initial_scale=8.0
    )
    model = build_model(keras_tuner.HyperParameters(), scaled)
    set_optimizer(model, SETTINGS["lion"], None, 1.0)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(model.optimizer.inner_optimizer, Lion)
    assert model.optimizer.initial_scale == 8.0
    model.fit(X, Y, epochs=1, verbose=0)


def test_any_data_of_fit_will_do(tmp_path):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X[32 * index : 32 * index + 32], Y[32 * index : 32 * index + 32]

    mine = tuner(tmp_path, max_trials=2)
    mine.search(Batches(), validation_data=Batches(), epochs=1, verbose=0)
    assert all(each.finished for each in mine.oracle.results())


def test_a_model_that_is_not_compiled_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must be compiled"):
        set_optimizer(model, SETTINGS["lion"], None, 1.0)


def test_a_number_of_trials_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`max_trials` must be a whole number"):
        tuner(tmp_path, max_trials=0)


def test_the_median_rule():
    others = [[0.1 * epoch + k for epoch in range(10)] for k in (0.0, 0.1, 0.2)]
    assert not is_hopeless([-9.0] * 2, others)  # too early
    assert not is_hopeless([-9.0] * 5, others[:2])  # too few others
    assert is_hopeless([-9.0] * 5, others)
    assert is_hopeless([math.nan] * 5, others)
    assert not is_hopeless([-9.0, -9.0, -9.0, -9.0, 0.31], others)
    assert is_hopeless([-9.0, -9.0, -9.0, -9.0, 0.29], others)
    # What the others reached later says nothing now.
    assert not is_hopeless([0.4] * 4, others)
