"""The oracle and the tuner of a sweep, without training."""

from __future__ import annotations

import json
import threading
import warnings

import keras
import pytest

from keras_lion.tuning import kerastuner
from keras_lion.tuning.runs.files import FolderWriteError
from keras_lion.tuning.sweep.oracle import StudyOracle, TornProjectWarning
from keras_lion.tuning.sweep.role import Role
from keras_lion.tuning.sweep.tuner import search_runs
from tests.tuning.tiny import tiny_study

RUNS = tiny_study().runs("blobs", "smoke", keras.backend.backend())
KEYS = [run.key for run in RUNS]


def an_oracle(folder, recorded=None, runs=RUNS):
    scores = {} if recorded is None else recorded
    return StudyOracle(runs, lambda: scores, folder)


def keys_of(oracle, worker, slots):
    return [oracle.create_trial(f"{worker}-{k}").trial_id for k in range(slots)]


def report(oracle, trial_id, score):
    trial = oracle.update_trial(trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def sweep(folder, train, population=1, recorded=None, record=lambda _, scores: scores):
    scores = {} if recorded is None else recorded
    search_runs(
        RUNS,
        train,
        folder,
        record=record,
        role=Role(),
        scores=lambda: scores,
        population=population,
    )


def trial_file(folder, key):
    path = folder / "keras_tuner" / f"trial_{key}" / "trial.json"
    return json.loads(path.read_text())


# --- the tuner ---


@pytest.mark.parametrize("population", [1, 3, 5, 100])
def test_a_population_is_filled_and_every_run_trained_once(tmp_path, population):
    batches = []

    def train(keys):
        batches.append(keys)
        return [0.5] * len(keys)

    sweep(tmp_path, train, population)
    assert [key for batch in batches for key in batch] == KEYS
    assert [len(batch) for batch in batches[:-1]] == [population] * (len(batches) - 1)
    assert all(trial_file(tmp_path, key)["status"] == "COMPLETED" for key in KEYS)


def test_neither_failures_nor_floors_in_a_row_end_a_sweep(tmp_path):
    # Three failed trials in a row end a search of KerasTuner's.
    seen = []

    def train(keys):
        seen.extend(keys)
        return [None if KEYS.index(key) < 5 else 1 / 3 for key in keys]

    sweep(tmp_path, train, 2)
    assert seen == KEYS
    assert trial_file(tmp_path, KEYS[0])["status"] == "FAILED"
    assert trial_file(tmp_path, KEYS[5])["score"] == 1 / 3


def test_an_error_of_the_sweep_is_raised_and_leaves_no_lock(tmp_path):
    def train(keys):
        raise OSError("disk full")

    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            sweep(tmp_path, train)
    locks = kerastuner.locks.LOCKS
    assert not any(isinstance(oracle, StudyOracle) for oracle in locks)


def test_runs_train_while_the_last_ones_are_recorded(tmp_path):
    started = {key: threading.Event() for key in KEYS}
    last = KEYS[-1]

    def train(keys):
        for key in keys:
            started[key].set()
        return [0.5] * len(keys)

    def record(keys, scores):
        if last not in keys:
            after = KEYS[KEYS.index(keys[-1]) + 1]
            assert started[after].wait(60)
        return scores

    sweep(tmp_path, train, population=3, record=record)
    assert all(trial_file(tmp_path, key)["status"] == "COMPLETED" for key in KEYS)


def test_what_cannot_be_recorded_ends_the_sweep(tmp_path):
    trained = []

    def train(keys):
        trained.extend(keys)
        return [0.5]

    def record(keys, _):
        raise FolderWriteError("disk full")

    with pytest.raises(FolderWriteError, match="disk full"):
        sweep(tmp_path, train, record=record)
    assert trained == KEYS[:2]  # the second was under way


def test_what_is_being_recorded_is_kept_when_training_is_interrupted(tmp_path):
    recorded = []

    def train(keys):
        if keys == KEYS[1:2]:
            raise KeyboardInterrupt
        return [0.5]

    def record(keys, scores):
        recorded.extend(keys)
        return scores

    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path, train, record=record)
    assert recorded == KEYS[:1]


def test_recorded_runs_are_in_the_project_and_not_handed_out(tmp_path):
    recorded = dict.fromkeys(KEYS[:4], 0.75)
    seen = []
    sweep(tmp_path, lambda keys: seen.extend(keys) or [0.5], recorded=recorded)
    assert seen == KEYS[4:]
    assert trial_file(tmp_path, KEYS[0])["score"] == 0.75
    assert trial_file(tmp_path, KEYS[0])["hyperparameters"]["values"]["key"] == KEYS[0]


@pytest.mark.parametrize("name", ["oracle.json", f"trial_{KEYS[0]}/trial.json"])
def test_a_torn_project_is_made_anew_with_one_warning(tmp_path, name):
    sweep(tmp_path, lambda keys: [0.5])
    torn = tmp_path / "keras_tuner" / name
    torn.write_text(torn.read_text()[:-20])
    (tmp_path / "keras_tuner" / "extra.json").write_text("")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TornProjectWarning)
        sweep(tmp_path, lambda keys: [0.5], recorded=dict.fromkeys(KEYS, 0.5))
    messages = [w for w in caught if w.category is TornProjectWarning]
    assert len(messages) == 1
    assert "made anew from the run records" in str(messages[0].message)
    json.loads(torn.read_text())
    assert not (tmp_path / "keras_tuner" / "extra.json").exists()


# --- the oracle ---


def test_a_trial_is_named_after_its_run_in_every_life_of_the_chief(tmp_path):
    first, second = an_oracle(tmp_path), an_oracle(tmp_path, {KEYS[0]: 0.5})
    assert keys_of(first, "w", 2) == KEYS[:2]
    assert keys_of(second, "w", 2) == KEYS[1:3]


def test_what_others_record_is_not_handed_out(tmp_path):
    recorded = {}
    oracle = an_oracle(tmp_path, recorded)
    assert keys_of(oracle, "w0", 1) == KEYS[:1]
    recorded.update(dict.fromkeys(KEYS[1:3], 0.5))
    assert keys_of(oracle, "w1", 1) == KEYS[3:4]


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_a_restarted_worker_gets_its_runs_first_whatever_its_population(
    tmp_path, slots
):
    oracle = an_oracle(tmp_path)
    assert keys_of(oracle, "w-0", 3) == KEYS[:3]
    assert keys_of(oracle, "w-1", 2) == KEYS[3:5]
    assert keys_of(oracle, "w-0", slots) == (KEYS[:3] + KEYS[5:])[:slots]
    assert keys_of(oracle, "w-1", 1) == KEYS[3:4]


def test_a_restarted_chief_takes_late_reports(tmp_path):
    late, lost = KEYS[0], KEYS[1]
    oracle = an_oracle(tmp_path)
    # One was reported whole; of the other only the end, as the score went to the old.
    report(oracle, late, 0.5)
    trial = kerastuner.Trial(oracle.get_space(), lost, status="COMPLETED")
    oracle.end_trial(trial)
    # Twice, by the worker that the old chief had given it to, and the new one's.
    report(oracle, late, 0.5)
    report(oracle, "of-another-study", 0.5)
    assert oracle.trials[late].score == 0.5
    assert keys_of(oracle, "w", 3) == KEYS[2:5]
    report(oracle, KEYS[2], 0.25)
    assert KEYS[2] not in {t.trial_id for t in oracle.ongoing_trials.values()}


def test_every_worker_is_drained(tmp_path):
    oracle = an_oracle(tmp_path)
    for worker in ("w0", "w1"):
        keys_of(oracle, worker, 4)
    for trial in list(oracle.ongoing_trials.values()):
        report(oracle, trial.trial_id, 0.5)
    while True:
        trials = [oracle.create_trial(f"w{k}-0") for k in (0, 1)]
        for trial in trials:
            if trial.status == "RUNNING":
                report(oracle, trial.trial_id, 0.5)
        if {trial.status for trial in trials} == {"STOPPED"}:
            break
    # KerasTuner's chief ends when both are empty.
    assert not oracle.ongoing_trials
    assert not oracle.tuner_ids


def test_an_error_of_a_chief_ends_it(tmp_path):
    def scores():
        raise FolderWriteError("disk full")

    oracle = StudyOracle(RUNS, scores, tmp_path)
    with pytest.raises(FolderWriteError):  # alone, it is raised
        oracle.create_trial("w-0")
    oracle.serving = True
    thread = threading.Thread(target=oracle.create_trial, args=["w-0"])
    thread.start()
    thread.join()
    assert oracle.create_trial("w-0").status == "STOPPED"
    assert isinstance(oracle.error, FolderWriteError)
    assert not oracle.tuner_ids
    assert not kerastuner.locks.LOCKS[oracle].locked()


def test_bookkeeping_is_saved_by_the_clock_not_by_the_trial(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        StudyOracle, "_write", lambda self, path, _: written.append(path.name)
    )
    sweep(tmp_path, lambda keys: [0.5])
    # At the start and at the end; a stock oracle writes it three times a trial.
    assert written.count("oracle.json") <= 3
    assert written.count("trial.json") <= 2 * len(KEYS)
