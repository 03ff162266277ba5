"""The cache: what must be measured, and what was."""

from keras_lion.discovery.cache import FitnessCache


def test_only_the_first_of_equal_keys_is_measured():
    cache = FitnessCache({"a": 1.0})
    keys = ["b", "a", "b", "c"]
    assert cache.missing(keys) == [0, 3]
    assert cache.fill(keys, [0, 3], [2.0, 3.0]) == [2.0, 1.0, 2.0, 3.0]
    assert cache.missing(keys) == []
    assert (cache.hits, cache.misses, len(cache)) == (6, 2, 3)
    assert cache.hit_rate == 0.75


def test_worst_fitness_is_an_answer_too():
    cache = FitnessCache({"a": float("-inf"), "b": 0.0})
    assert cache.missing(["a", "b"]) == []


def test_without_the_cache_everything_is_measured():
    cache = FitnessCache({"a": 1.0}, enabled=False)
    assert cache.missing(["a", "b", "b"]) == [0, 1, 2]
    assert cache.fill(["a", "b", "b"], [0, 1, 2], [1.5, 2.5, 3.5]) == [1.5, 2.5, 3.5]
    assert (cache.hits, cache.misses) == (0, 3)


def test_no_look_ups_have_a_rate():
    assert FitnessCache().hit_rate == 0
