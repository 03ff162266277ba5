"""Which saved variable continues as which: paths, order and values."""

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.state.matching import Described, match, unique
from tests.arrays import array


def variables(*paths, shape=(2,), values=None):
    values = values or [None] * len(paths)
    return [Described(p, shape, v) for p, v in zip(paths, values, strict=True)]


@pytest.mark.parametrize(
    ("here", "there", "source"),
    [
        ("ab", "ab", [0, 1]),
        ("ab", "cd", [0, 1]),  # renamed
        ("ac", "ab", [0, 1]),  # one renamed in its place
        ("ba", "ab", [1, 0]),  # reordered
        ("b", "ab", [1]),  # shrunk
        ("abc", "bc", [None, 0, 1]),  # grown
        ("bcd", "abc", [None, None, None]),  # paths against order
        ("abxd", "abdx", [0, 1, 3, 2]),
        ("abyx", "abxz", [0, 1, None, None]),
    ],
)
def test_given_names(here, there, source):
    assert match(variables(*here), variables(*there)).source == source


@pytest.mark.parametrize(
    ("here", "there", "source"),
    [
        (("d_1", "d_2", "d_3"), ("d", "d_1", "d_2"), [0, 1, 2]),
        (("d_1", "d"), ("d", "d_1"), [None, None]),  # nothing says which is which
        (("m_1/d_3/k", "m_1/d_4/k"), ("m/d_2/k", "m/d_3/k"), [0, 1]),
    ],
)
def test_automatic_names(here, there, source):
    assert match(variables(*here), variables(*there)).source == source


def test_a_sequential_models_name_may_be_missing():
    whole, loaded = variables("net/a/k", "net/b/k"), variables("a/k", "b/k")
    assert match(whole, loaded) == match(loaded, whole) == ([0, 1], False)
    assert match(variables("b/k", "a/k"), whole).source == [1, 0]
    assert match(variables("a/k", "b/k", "c/k"), whole).source == [0, 1, None]


def test_shapes_must_agree():
    here = variables("a", "b")
    there = [Described("a", (2,)), Described("b", (3,))]
    assert match(here, there).source == [0, None]


def test_values_decide_where_paths_and_order_disagree():
    there = variables("d", "d_1", "d_2", values=[1, 2, 3])
    moved = variables("d_1", "d_2", "d_3", values=[2, 3, 9])
    assert match(moved, there).source == [1, 2, None]
    in_place = variables("d_1", "d_2", "d_3", values=[1, 2, 3])
    assert match(in_place, there).source == [0, 1, 2]


def test_weights_in_another_order_than_their_given_names_are_ambiguous():
    there = variables("a", "b", values=[1, 2])
    assert match(variables("b", "a", values=[1, 2]), there).source == [None, None]
    assert match(variables("b", "a", values=[2, 1]), there).source == [1, 0]
    assert match(variables("b", "a"), there).source == [1, 0]
    assert match(variables("b", "a"), there, weights_follow=True).source == [None, None]


def test_weights_that_moved_show_that_equal_paths_mislead():
    saved = variables("d_1", values=[7])
    assert match(variables("d_1", "d_2", values=[5, 7]), saved).source == [None, None]
    assert match(variables("d_1", "d_2", values=[7, 5]), saved).source == [0, None]
    assert match(variables("d", "d_1"), saved).source == [None, 0]
    assert match(variables("d", "d_1"), saved, weights_follow=True).source == [None] * 2
    assert match(variables("e", "d_1"), saved, weights_follow=True).source == [None, 0]


PATHS = st.lists(st.sampled_from("abcdef"), max_size=5, unique=True)


@hypothesis.given(here=PATHS, there=PATHS)
def test_no_saved_variable_is_used_twice_and_paths_are_never_crossed(here, there):
    found = match(variables(*here), variables(*there))
    used = [k for k in found.source if k is not None]
    assert len(used) == len(set(used))
    for i, k in enumerate(found.source):
        if k is not None and here[i] != there[k]:
            assert here[i] not in there
            assert there[k] not in here
            assert i == k
    crossed = any(
        k is not None and here[i] != there[k] for i, k in enumerate(found.source)
    )
    assert found.renamed == crossed


def test_paths_become_different_names():
    assert unique(["a", "a", "a#1", "b", "a"]) == ["a", "a#1", "a#1#1", "b", "a#3"]


def test_variables_of_one_path_keep_a_momentum_each():
    def weights(*names):
        return [keras.Variable(np.zeros(2, "float32"), name=name) for name in names]

    optimizer = Lion()
    gradients = [ops.full((2,), float(number)) for number in (1, 2, 3)]
    optimizer.apply(gradients, weights("w", "other", "w"))
    store = {}
    optimizer.save_own_variables(store)
    loaded = Lion()
    loaded.build(weights("w", "other", "w"))
    loaded.load_own_variables(store)
    momenta = [array(v) for v in loaded.variables if v.name.endswith("_momentum")]
    expected = [[0.01, 0.01], [0.02, 0.02], [0.03, 0.03]]
    np.testing.assert_allclose(momenta, expected, rtol=1e-6)
