"""KerasTuner's own tuners with Lion: search, promotion, the best models, resume."""

import keras
import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from tests.arrays import array
from tests.optimizers.stock_tuners import BATCHES, data, search, tuner

# KerasTuner builds each model anew, under other automatic names.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Loading the state of optimizer Lion.*other paths"
)
TUNERS = ["RandomSearch", "BayesianOptimization", "GridSearch"]  # and Hyperband below


def statuses(found):
    return {trial.status for trial in found.oracle.trials.values()}


@pytest.mark.parametrize("name", TUNERS)
def test_every_trial_completes_and_the_best_model_is_returned(tmp_path, name):
    found = tuner(name, str(tmp_path))
    search(found)
    check(found)


def check(found):
    assert statuses(found) == {"COMPLETED"}
    (best,) = found.get_best_models(1)
    trial = found.oracle.get_best_trials(1)[0]
    x, y = data()
    _, accuracy = best.evaluate(x, y, verbose=0)
    assert accuracy == pytest.approx(trial.score)
    best.fit(x, y, batch_size=16, verbose=0)
    begun = trial.hyperparameters.values.get("tuner/initial_epoch", 0)
    trained = (begun + trial.best_step + 1) * BATCHES
    assert int(array(best.optimizer.iterations)) == trained + BATCHES


class Begun(keras.callbacks.Callback):
    """Keeps what each training began with; KerasTuner copies callbacks."""

    seen: list = []  # noqa: RUF012, shared by the copies

    def on_train_begin(self, logs=None):
        model = self.model
        # TensorFlow builds it with the first batch otherwise.
        model.optimizer.build(model.trainable_variables)
        self.seen.append(
            [array(v) for v in (*model.weights, *model.optimizer.variables)]
        )


def test_hyperband_promotes_weights_and_state(tmp_path):
    Begun.seen.clear()
    found = tuner("Hyperband", str(tmp_path))
    search(found, callbacks=[Begun()])
    check(found)
    trials = list(found.oracle.trials.values())
    assert len(Begun.seen) == len(trials)
    promoted = 0
    for trial, begun in zip(trials, Begun.seen, strict=True):
        values = trial.hyperparameters.values
        if "tuner/trial_id" not in values:
            continue
        promoted += 1
        parent = found.oracle.trials[values["tuner/trial_id"]]
        model = found.hypermodel.build(parent.hyperparameters)
        model.load_weights(found._get_checkpoint_fname(parent.trial_id))
        model.optimizer.build(model.trainable_variables)
        saved = [array(v) for v in (*model.weights, *model.optimizer.variables)]
        assert len(saved) == len(begun)
        for one, other in zip(saved, begun, strict=True):
            np.testing.assert_array_equal(one, other)
        assert int(array(model.optimizer.iterations)) > 0
        assert any(
            array(v).any() for v in model.optimizer.variables if "momentum" in v.name
        )
    assert promoted >= 1


def test_a_search_resumes(tmp_path):
    name = "Hyperband"

    class StopsAfterTwo(keras.callbacks.Callback):
        trainings = 0

        def on_train_begin(self, logs=None):
            StopsAfterTwo.trainings += 1
            if StopsAfterTwo.trainings == 3:
                raise KeyboardInterrupt

    first = tuner(name, str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        search(first, callbacks=[StopsAfterTwo()])
    completed = [t for t in first.oracle.trials.values() if t.status == "COMPLETED"]
    assert len(completed) == 2
    resumed = tuner(name, str(tmp_path))
    search(resumed)
    assert statuses(resumed) == {"COMPLETED"}
    for trial in completed:
        assert resumed.oracle.trials[trial.trial_id].score == trial.score
    assert len(resumed.get_best_models(2)) == 2
