"""Saving an optimizer's state by the paths of the variables that it belongs to.

Keras saves by number: after a layer is added, moved or renamed, momentum goes to the
wrong variable, or nothing is loaded at all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from keras import ops

MOMENTUM, ACCUMULATOR, AVERAGE = "momentum", "accumulator", "average"
SLASH = quote("/", safe="")
ORDER = "order"  # paths in the order of the variables, which a store does not keep


class PathCheckpoints:
    """State by path for a Keras optimizer.

    The optimizer gives its slots through `_slots`, and the scalars beside them through
    `_scalars`.

    Attributes:
        restore_hyperparameters: Whether loading a state also sets the learning rate and
            the weight decay to the saved ones (the default), or leaves those that this
            optimizer was given.
    """

    name: str
    built: bool
    restore_hyperparameters: bool = True
    _trainable_variables: list[Any]
    _slots: Callable[[], dict[str, list[Any]]]
    _scalars: Callable[[], dict[str, Any]]
    _read_weight_decay_variable: Callable[[], None]

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state: scalars by name, slots by slot and variable path."""
        order = "\n".join(self._named_slots()[MOMENTUM])
        store[ORDER] = np.frombuffer(order.encode(), dtype="uint8")
        for name, variable in self._scalars().items():
            store[name] = variable.numpy()
        for slot, by_path in self._named_slots().items():
            for path, variable in by_path.items():
                store[f"{slot}:{path}"] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read a state that `save_own_variables` wrote.

        The slots of a variable are found by its path. A model that was rebuilt under
        other automatic names has no path in common with the saved state: its slots are
        then taken in their order, with one warning, if number and shapes agree.
        Averages and accumulators that the state lacks start anew.

        Raises:
            ValueError: If the state does not fit; names the variables.
        """
        if not self.built:
            raise ValueError(
                f"Optimizer '{self.name}' must be built before its state is loaded: "
                "call `optimizer.build(model.trainable_variables)`."
            )
        saved = {key: store[key] for key in store.keys()}  # noqa: SIM118, a store
        check_format(saved, self.name)
        # A state that was saved before the optimizer was built has no slots.
        source = self._paths_of(saved) if order_of(saved) else {}
        for slot, by_path in self._named_slots().items():
            for path, variable in by_path.items():
                value = saved.get(f"{slot}:{source.get(path)}")
                if value is not None:
                    variable.assign(to_array(value))
                elif slot == AVERAGE:
                    variable.assign(ops.copy(self._variable_of(path)))
                else:
                    variable.assign(ops.zeros(variable.shape, variable.dtype))
        for name, variable in self._scalars().items():
            kept = name in ("learning_rate", "weight_decay")
            if name in saved and (self.restore_hyperparameters or not kept):
                variable.assign(to_array(saved[name]))
        self._read_weight_decay_variable()

    def _paths_of(self, saved: Mapping[str, Any]) -> dict[str, str]:
        """Own path → saved path of every variable."""
        there = {
            path: tuple(saved[f"{MOMENTUM}:{path}"].shape) for path in order_of(saved)
        }
        here = {
            path: tuple(variable.shape)
            for path, variable in self._named_slots()[MOMENTUM].items()
        }
        source = by_path(list(here), list(there))
        if (
            source is None
            and not set(here) & set(there)
            and list(here.values()) == list(there.values())
        ):
            warnings.warn(
                f"The state of optimizer '{self.name}' was saved for variables of "
                "other paths. Their number, order and shapes agree, and it is loaded "
                "in this order.",
                stacklevel=4,
            )
            return dict(zip(here, there, strict=True))
        source = source or {path: path for path in here if path in there}
        changed = [
            f"{unquote(path)} ({there[source[path]]} saved, {here[path]} here)"
            for path in source
            if here[path] != there[source[path]]
        ]
        missing = [unquote(path) for path in here if path not in source]
        surplus = [unquote(p) for p in there if p not in source.values()]
        if missing or surplus or changed:
            raise ValueError(
                f"The saved state does not fit optimizer '{self.name}': "
                f"without saved state {missing or 'none'}; saved and unknown here "
                f"{surplus or 'none'}; of another shape {changed or 'none'}. Load it "
                "into the model that it was saved from, or start with a new optimizer."
            )
        return source

    def _named_slots(self) -> dict[str, dict[str, Any]]:
        """Slot → path of a trainable variable → the slot's variable."""
        paths = unique_paths(self._trainable_variables)
        return {
            slot: {
                path: variable
                for path, variable in zip(paths, variables, strict=True)
                if variable is not None
            }
            for slot, variables in self._slots().items()
        }

    def _variable_of(self, path: str) -> Any:
        paths = unique_paths(self._trainable_variables)
        return self._trainable_variables[paths.index(path)]

    def take_over(self, optimizer: Any) -> None:
        """Start from the state of another optimizer of the same variables.

        The momentum of a `keras.optimizers.Lion`, or the first moment of an AdamW,
        becomes this one's momentum, and the count of iterations goes on. Learning rate
        and weight decay stay as they are here: see `lion_from_adamw` for those.

        Args:
            optimizer: A built Keras optimizer with variables named `…_momentum`.

        Raises:
            ValueError: If one of the two is not built, or their variables differ.
        """
        if not (self.built and optimizer.built):
            raise ValueError(
                "Both optimizers must be built before a state is taken over: call "
                "`optimizer.build(model.trainable_variables)`."
            )
        own = {m.name: m for m in self._slots()[MOMENTUM] if m is not None}
        given = {v.name: v for v in optimizer.variables if v.name.endswith("_momentum")}
        shapes = [tuple(m.shape) for m in own.values()]
        if not set(own) & set(given) and shapes == [
            tuple(m.shape) for m in given.values()
        ]:
            warnings.warn(
                f"The variables of '{optimizer.name}' have other paths than those of "
                f"'{self.name}'. Their number, order and shapes agree, and its momenta "
                "are taken in this order.",
                stacklevel=2,
            )
            given = dict(zip(own, given.values(), strict=True))
        if set(own) != set(given) or shapes != [
            tuple(given[name].shape) for name in own
        ]:
            raise ValueError(
                f"Optimizer '{optimizer.name}' has no momentum for the variables of "
                f"'{self.name}'. It has {sorted(given) or 'none'}; expected "
                f"{sorted(own)}, of shapes {shapes}."
            )
        for name, momentum in own.items():
            momentum.assign(ops.copy(ops.cast(given[name], momentum.dtype)))
        iteration = next(v for v in optimizer.variables if v.name == "iteration")
        self._scalars()["iteration"].assign(ops.copy(iteration))


def unique_paths(variables: Sequence[Any]) -> list[str]:
    """Paths that can be names in a store, made different where they are not."""
    paths: list[str] = []
    for variable in variables:
        # A "/" would make a group of an HDF5 store.
        path = quote(variable.path, safe="")
        count = paths.count(path) + sum(p.startswith(f"{path}#") for p in paths)
        paths.append(f"{path}#{count}" if count else path)
    return paths


def by_path(here: list[str], there: list[str]) -> dict[str, str] | None:
    """Own path → saved path where the paths are the same, else None.

    A Sequential model loses its own name, the first part of its variables' paths, when
    it is loaded from a `.keras` file; such paths count as the same.
    """
    for own in (here, without_root(here)):
        for saved in (there, without_root(there)):
            if set(own) == set(saved):
                found = dict(zip(saved, there, strict=True))
                return {path: found[name] for path, name in zip(here, own, strict=True)}
    return None


def without_root(paths: list[str]) -> list[str]:
    """The paths without their first part, if all have the same."""
    parts = [path.partition(SLASH) for path in paths]
    if len({root for root, _, _ in parts}) == 1 and all(rest for _, _, rest in parts):
        return [rest for _, _, rest in parts]
    return paths


def order_of(saved: Mapping[str, Any]) -> list[str]:
    """The saved paths in the order of the variables."""
    order = to_array(saved[ORDER]).tobytes().decode()
    return order.split("\n") if order else []


def check_format(saved: Mapping[str, Any], name: str) -> None:
    """Refuse a state that Keras saved by number."""
    if ORDER not in saved:
        raise ValueError(
            f"The state to be loaded into optimizer '{name}' was not saved by "
            "keras_lion.Lion: its entries are "
            f"{sorted(saved)[:4]}…. Load it into the optimizer that it was saved from, "
            "and pass that one to `Lion.take_over`."
        )


def to_array(value: Any) -> np.ndarray:
    """A stored value as an array."""
    return np.asarray(value)
