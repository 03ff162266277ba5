import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import Landscape, common_best
from keras_lion.robustness.landscape import paired
from keras_lion.statistics import t_interval

from .made_up import ADAMW, LION, run, study


def test_golden_best_of_the_lion_paper():
    best = Landscape(**LION).best
    assert (best.value, best.learning_rate, best.weight_decay) == (77.57, 5e-4, 2.0)
    assert best.cell == (2, 0)
    assert common_best([Landscape(**LION), Landscape(**ADAMW)]) == 77.57


def test_means_seeds_and_sigma():
    scores = [[[1.0, 3.0], [np.nan, 5.0]], [[np.nan, np.nan], [2.0, 2.0]]]
    landscape = Landscape([1, 2], [0, 1], scores)
    np.testing.assert_array_equal(landscape.means, [[2, 5], [np.nan, 2]])
    np.testing.assert_array_equal(landscape.num_seeds, [[2, 1], [0, 2]])
    # Squared deviations 1 + 1 + 0 + 0 over 1 + 1 degrees of freedom.
    assert landscape.sigma == 1.0
    assert landscape.best_interval.n == 1
    assert landscape.diverged_share == 0


def test_diverged_runs_count_with_their_floor():
    scores = [[[0.9, np.nan], [0.8, 0.8]]]
    diverged = [[[False, True], [False, False]]]
    landscape = Landscape([1, 2], [0.1], scores, floor=[0.2, 0.1], diverged=diverged)
    np.testing.assert_allclose(landscape.means, [[0.5, 0.8]])
    assert landscape.diverged_share == 0.25
    assert landscape.sigma == 0  # of the stable cell only
    assert landscape.best_interval == t_interval([0.8, 0.8])


def test_ties_go_to_the_first_cell():
    assert Landscape([1, 2], [1, 2], [[0, 1], [1, 1]]).best.cell == (0, 1)


def test_select_rows_columns_and_seeds():
    scores = np.arange(24.0).reshape(3, 4, 2)
    mask = scores > 20
    landscape = Landscape([1, 2, 3, 4], [0, 1, 2], scores, diverged=mask)
    part = landscape.select(
        weight_decay=landscape.weight_decay > 0,
        learning_rate=slice(1, 3),
        seeds=np.array([1]),
    )
    np.testing.assert_array_equal(part.learning_rate, [2, 3])
    np.testing.assert_array_equal(part.weight_decay, [1, 2])
    np.testing.assert_array_equal(part.scores[..., 0], [[11, 13], [19, 21]])
    assert part.num_diverged.tolist() == [[0, 0], [0, 1]]


def test_profile_retunes_the_other_axis():
    landscape = Landscape([1, 2], [0, 1], [[5, np.nan], [3, np.nan]])
    np.testing.assert_array_equal(landscape.profile_over("learning_rate"), [5, np.nan])
    np.testing.assert_array_equal(landscape.profile_over("weight_decay"), [5, 3])


@pytest.mark.parametrize(
    ("cell", "edge"),
    [
        ((0, 1), ()),  # no decay is not an edge
        ((1, 1), ()),  # no decay lies below it
        ((2, 1), ()),
        ((3, 0), (("learning_rate", "low"), ("weight_decay", "high"))),
        ((2, 2), (("learning_rate", "high"),)),
    ],
)
def test_edge(cell, edge):
    scores = np.zeros((4, 3))
    scores[cell] = 1
    assert Landscape([1, 2, 3], [0, 1, 2, 3], scores).edge == edge


def test_the_lowest_decay_is_an_edge_where_nothing_is_known_below_it():
    scores = np.zeros((3, 2))
    scores[1, 0] = 1
    low = ("weight_decay", "low")
    assert low not in Landscape([1, 2], [0, 1, 2], scores).edge
    assert low in Landscape([1, 2], [1, 2], scores[1:]).edge
    scores[0, 1] = np.nan
    assert low not in Landscape([1, 2], [0, 1, 2], scores).edge
    scores[0] = np.nan, 0
    assert low in Landscape([1, 2], [0, 1, 2], scores).edge


def test_a_single_value_is_no_edge():
    assert Landscape([1], [1], [[0.5]]).edge == ()


def test_frozen():
    landscape = Landscape(**LION)
    with pytest.raises(AttributeError, match="cannot be changed"):
        landscape.scores = np.zeros((3, 3, 1))
    with pytest.raises(ValueError, match="read-only"):
        landscape.scores[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": [1, 2, 2]}, "`learning_rate` must.*ascending"),
        ({"learning_rate": [0, 1, 2]}, "more than 0"),
        ({"weight_decay": [-1, 1, 2]}, "0 or more"),
        ({"weight_decay": []}, "`weight_decay` must"),
        ({"scores": np.zeros((3, 2))}, r"shape \(3, 3\)"),
        ({"scores": np.full((3, 3), np.inf)}, "finite"),
        ({"diverged": [True]}, "shape of `scores`"),
        ({"floor": [1, 2], "diverged": np.ones((3, 3))}, "broadcasts"),
        ({"scores": np.full((3, 3), np.nan), "diverged": np.eye(3)}, "floor"),
    ],
)
def test_clear_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        Landscape(**(LION | changes))


def test_no_score_at_all():
    landscape = Landscape([1], [1], [[np.nan]])
    assert landscape.empty
    assert np.isnan(landscape.diverged_share)
    with pytest.raises(ValueError, match="no best cell"):
        _ = landscape.best
    assert np.isnan(common_best([landscape]))


def test_from_runs_arranges_cells_and_seeds():
    frame = pd.DataFrame(
        [
            run(learning_rate=1e-2, weight_decay=0.0, seed=1, score=0.5),
            run(learning_rate=1e-3, weight_decay=0.1, seed=0, score=0.7),
            run(learning_rate=1e-3, weight_decay=0.1, seed=1, score=0.8),
            run(learning_rate=0.1 * 0.1, weight_decay=0.1, status="failed", score=0.9),
            run("adamw", learning_rate=5.0),
        ]
    )
    landscape = Landscape.from_runs(frame, optimizer="lion", task="digits")
    np.testing.assert_array_equal(landscape.learning_rate, [1e-3, 1e-2])
    np.testing.assert_array_equal(landscape.weight_decay, [0, 0.1])
    np.testing.assert_array_equal(
        landscape.scores,
        [[[np.nan, np.nan], [np.nan, 0.5]], [[0.7, 0.8], [np.nan, np.nan]]],
    )


def test_final_loss_is_negated_clipped_and_floored():
    frame = pd.DataFrame(
        [
            run(seed=0, final_loss=0.3),
            run(seed=1, final_loss=9.0, initial_loss=2.0),
            run(seed=2, final_loss=np.nan, status="diverged", initial_loss=2.5),
            run(seed=3, final_loss=0.1, status="diverged", initial_loss=2.4),
        ]
    )
    landscape = Landscape.from_runs(frame, optimizer="lion", value="final_loss")
    np.testing.assert_array_equal(landscape.scores[0, 0], [-0.3, -2.0, -2.5, -2.4])
    assert landscape.num_diverged[0, 0] == 2


def test_score_of_a_diverged_run_is_its_floor():
    frame = pd.DataFrame([run(status="diverged", score=np.nan, floor=0.25)])
    assert Landscape.from_runs(frame, optimizer="lion").means[0, 0] == 0.25


@pytest.mark.parametrize("column", ["task", "batch_size", "epochs", "beta_1"])
def test_runs_that_do_not_belong_together(column):
    frame = pd.DataFrame([run(), run(seed=1, **{column: 7})])
    with pytest.raises(ValueError, match=f"'{column}'.*Received {column}: .*7"):
        Landscape.from_runs(frame, optimizer="lion")


def test_a_choice_lets_several_batch_sizes_pass():
    frame = pd.DataFrame([run(), run(batch_size=128, score=0.5)])
    landscape = Landscape.from_runs(frame, optimizer="lion", batch_size=128)
    assert landscape.best.value == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "sgd"}, "No run has optimizer='sgd'.*lion"),
        ({"optimizer": "lion", "task": "x"}, "No run has task='x'.*digits"),
        ({"optimizer": "lion", "value": "loss"}, "`value` must be one of"),
    ],
)
def test_choices_that_leave_nothing(arguments, message):
    with pytest.raises(ValueError, match=message):
        Landscape.from_runs(pd.DataFrame([run()]), **arguments)


def test_repeats_and_missing_columns():
    with pytest.raises(ValueError, match=r"2 runs of lion.*seed=0"):
        Landscape.from_runs(pd.DataFrame([run(), run()]), optimizer="lion")
    frame = pd.DataFrame([run()]).drop(columns="seed")
    with pytest.raises(ValueError, match="Missing: seed"):
        Landscape.from_runs(frame, optimizer="lion")


def test_a_whole_study():
    landscape = Landscape.from_runs(study(), optimizer="adamw", value="final_loss")
    assert landscape.scores.shape == (6, 5, 3)
    assert landscape.num_diverged.sum() == 3 + 1 + 3
    assert landscape.edge == ()


def test_landscapes_are_paired_by_the_numbers_of_their_seeds():
    def with_seeds(seeds, scores):
        return Landscape([1e-3], [0.1], [[scores]], seeds=seeds)

    one = with_seeds([0, 1, 3], [0.1, 0.2, 0.4])
    other = with_seeds([1, 2, 3], [0.7, 0.8, 0.9])  # as many, but others
    first, second = paired(one, other)
    assert first.seeds.tolist() == second.seeds.tolist() == [1, 3]
    assert first.scores.ravel().tolist() == [0.2, 0.4]
    assert second.scores.ravel().tolist() == [0.7, 0.9]
    with pytest.raises(ValueError, match=r"\[0, 1, 3\] and \[2\]"):
        paired(one, with_seeds([2], [0.5]))
    with pytest.raises(ValueError, match="must number the 2 seeds"):
        with_seeds([1], [0.1, 0.2])
