"""Which saved variable is which: by path, by order, or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Described(NamedTuple):
    """A trainable variable as a checkpoint describes it.

    Attributes:
        path: Its path in the model.
        shape: Its shape.
        checksum: A checksum of its values, or None where it is not known or all values
            are equal, which distinguishes nothing.
    """

    path: str
    shape: tuple[int, ...]
    checksum: int | None = None


class Match(NamedTuple):
    """Where the state of each variable comes from.

    Attributes:
        source: For each variable here, the index of its saved variable, or None.
        renamed: Whether any saved variable has another path than its variable here.
    """

    source: list[int | None]
    renamed: bool


def match(
    here: Sequence[Described],
    there: Sequence[Described],
    *,
    weights_follow: bool = False,
) -> Match:
    """Return for each variable here the saved variable whose state it continues.

    Equal paths belong together. Where number, order and shapes of all variables agree,
    so do equal positions: Keras loads weights by position, and names them anew in every
    process. Where the two contradict each other,

    - the values decide, where variables here already hold saved weights;
    - else numbered names (`dense_1` and `dense_2`) of two different sets count as new
      numbers, and positions hold; given names that were only reordered hold as well;
    - else nothing does, and the variables in question get no state.

    Args:
        here: The variables that the state is loaded for.
        there: The variables that it was saved for.
        weights_follow: Whether the weights are yet to be loaded, by position, so that
            their values show nothing. Then reordered names do not hold, nor numbered
            ones where the sets differ in size.
    """
    by_path = _by_path(here, there)
    same_shapes = [v.shape for v in here] == [v.shape for v in there]
    if not same_shapes:
        if _moved_elsewhere(here, there, by_path):
            by_path = [None] * len(here)
        if weights_follow:
            by_path = _without_numbered(here, there, by_path)
        return Match(by_path, renamed=False)
    contradicting = [i for i, k in enumerate(by_path) if k is not None and k != i]
    chosen: list[int | None] = list(range(len(here)))
    if contradicting:
        trusted = _trusted(here, there, by_path, contradicting)
        if trusted == "path" and weights_follow:
            trusted = None
        if trusted == "path":
            return Match(by_path, renamed=False)
        if trusted is None:
            # A saved variable that a contradiction claims is free for nobody.
            claimed = {by_path[i] for i in contradicting}
            for i in set(contradicting) | {k for k in claimed if k is not None}:
                chosen[i] = None
    renamed = any(k is not None and by_path[i] != k for i, k in enumerate(chosen))
    return Match(chosen, renamed)


def _trusted(
    here: Sequence[Described],
    there: Sequence[Described],
    by_path: Sequence[int | None],
    contradicting: Sequence[int],
) -> str | None:
    """Return what holds where paths and order contradict each other, or None."""
    path_votes = order_votes = 0
    for i in contradicting:
        at_path = there[by_path[i]].checksum  # type: ignore[index]
        at_order = there[i].checksum
        if here[i].checksum is not None and at_path != at_order:
            path_votes += here[i].checksum == at_path
            order_votes += here[i].checksum == at_order
    numbered = all(
        _unnumbered(here[i].path) == _unnumbered(there[i].path) for i in contradicting
    )
    reordered = None not in by_path
    if path_votes > order_votes:
        return "path"
    if order_votes > path_votes:
        return "order" if numbered else None
    if numbered:
        return None if reordered else "order"
    return "path" if reordered else None


def _moved_elsewhere(
    here: Sequence[Described],
    there: Sequence[Described],
    by_path: Sequence[int | None],
) -> bool:
    """Return whether weights that were loaded show that equal paths mislead."""
    saved = [v.checksum for v in there]
    stayed = moved = 0
    for variable, k in zip(here, by_path, strict=True):
        if variable.checksum is not None and variable.checksum in saved:
            at_path = k is not None and variable.checksum == saved[k]
            stayed += at_path
            moved += not at_path
    return moved > stayed


def _without_numbered(
    here: Sequence[Described],
    there: Sequence[Described],
    by_path: Sequence[int | None],
) -> list[int | None]:
    """Return the sources except for paths that differ from others in a number alone."""
    paths = {v.path for v in (*here, *there)}
    kinds = Counter(_unnumbered(path) for path in paths)
    return [
        None if kinds[_unnumbered(variable.path)] > 1 else k
        for variable, k in zip(here, by_path, strict=True)
    ]


def _by_path(here: Sequence[Described], there: Sequence[Described]) -> list[int | None]:
    """Return the index of the saved variable of the same path and shape, or None.

    A Sequential model loses its own name, the first part of its variables' paths, when
    it is loaded from a `.keras` file; paths that differ in this alone count as equal.
    """
    own, saved = unique([v.path for v in here]), unique([v.path for v in there])
    pairs = [(a, b) for a in (own, _rootless(own)) for b in (saved, _rootless(saved))]
    own, saved = max(pairs, key=lambda pair: len(set(pair[0]) & set(pair[1])))
    index = {path: k for k, path in enumerate(saved)}
    found = [index.get(path) for path in own]
    return [
        k if k is not None and there[k].shape == variable.shape else None
        for variable, k in zip(here, found, strict=True)
    ]


def unique(paths: Sequence[str]) -> list[str]:
    """Return the paths, made different where several variables share one."""
    names: list[str] = []
    for path in paths:
        count = names.count(path) + sum(n.startswith(f"{path}#") for n in names)
        names.append(f"{path}#{count}" if count else path)
    return names


def _rootless(paths: Sequence[str]) -> list[str]:
    """Return the paths without their first part, if all have the same."""
    parts = [path.partition("/") for path in paths]
    if len({root for root, _, _ in parts}) == 1 and all(rest for _, _, rest in parts):
        return [rest for _, _, rest in parts]
    return list(paths)


def _unnumbered(path: str) -> str:
    """Return a path without the numbers that Keras gives to automatic names."""
    return re.sub(r"_\d+(?=/|$)", "", path)


def listed(variables: Sequence[Described]) -> str:
    """Return paths and shapes in words, the first of many."""
    names = unique([v.path for v in variables])
    shown = [f"{n} {v.shape}" for n, v in zip(names, variables, strict=True)][:20]
    more = len(variables) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
