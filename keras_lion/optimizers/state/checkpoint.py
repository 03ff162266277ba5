"""Saving, loading and copying an optimizer's state, whatever became of its model.

Keras saves an optimizer's variables by number: after a layer is added, moved, frozen or
renamed, momentum goes to the wrong variable, or nothing is loaded at all.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from keras_lion.optimizers.backend import (
    outside_of_graphs,
    path_of,
    python_state,
)
from keras_lion.optimizers.state.matching import Described, Match, listed, match
from keras_lion.optimizers.state.saved_state import (
    MOMENTUM,
    SCALE,
    VARIABLES,
    SavedState,
    checksum,
    read_keras_lion,
)
from keras_lion.optimizers.state.state_files import (
    StateGroup,
    name_in_file,
    read_state_of_file,
    state_above,
    state_below,
)
from keras_lion.optimizers.state.taking_over import momenta_of

ACCUMULATOR, AVERAGE, TOUCHED = "accumulator", "average", "touched"
OPTIONS = {ACCUMULATOR, AVERAGE, TOUCHED, SCALE}  # slots that an option adds
HYPERPARAMETERS = ("learning_rate", "weight_decay")
AT_THE_WEIGHTS = {AVERAGE, "slow_weights"}  # slots that start as a copy of the weights


class StateCheckpoints:
    """State by path for a Keras optimizer; loading it never raises.

    What fits is restored: by the path of the variable, else by order where number,
    order and shapes agree (see `matching.match`). What does not fit starts fresh, with
    one warning that names the variables. An optimizer that is not built keeps a loaded
    state until it is.

    The optimizer gives its slots through `_slots`: lists of one variable, or None, per
    trainable variable. Every other variable of it counts as a scalar.

    Attributes:
        restore_hyperparameters: Whether loading a state also sets the learning rate and
            the weight decay to the saved ones (the default), or leaves those that this
            optimizer was given.
    """

    name: str
    built: bool
    variables: list[Any]
    restore_hyperparameters: bool = True
    advice_on_other_state: str = (
        " To start from the momentum of that optimizer, load the file into a model "
        "compiled with it, and pass it to `take_over`."
    )
    _trainable_variables: list[Any]
    _slots: Callable[[], dict[str, list[Any]]]
    _pending: SavedState | tuple[dict[str, Any], str | None] | None = None
    _was_read: bool = False
    _python_state: Any = None

    def _set_up_checkpoints(self) -> None:
        self.state_group = StateGroup(self._state, self._load_group)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state into a mapping; in a Keras file, `state_group` does it."""
        if isinstance(store, dict):
            self._state().write(store)

    def load_own_variables(
        self, store: Mapping[str, Any], strict: bool = False
    ) -> None:
        """Load a state that `save_own_variables` wrote, or `keras.optimizers.Lion`.

        Args:
            store: The entries of the state.
            strict: Whether to raise where a state does not fit, before anything has
                changed, instead of a warning.

        Raises:
            ValueError: With `strict`, if a variable here has no saved state, or the
                other way round (names the variables), or if the optimizer is not built.
        """
        if strict and not self.built:
            raise ValueError(
                f"Optimizer '{self.name}' must be built before a state is loaded with "
                "`strict=True`: call `optimizer.build(model.trainable_variables)`."
            )
        if not store.keys() and not isinstance(store, dict):
            return  # the group of a Keras file: the state is in `state_group`
        self._was_read = True
        if VARIABLES in store:
            self._load(SavedState.read(store), strict=strict)
            return
        if inner := state_below(store):
            warn(
                "The file was saved with a LossScaleOptimizer, which Keras puts around "
                "the optimizer of a model under the policy mixed_float16. Optimizer "
                f"'{self.name}' continues with the state of the optimizer in it, but "
                "without scaling of the loss. If the model has float16 layers, call "
                "`keras.config.set_dtype_policy('mixed_float16')` before "
                "`keras.saving.load_model`, or compile it with "
                "`keras.optimizers.LossScaleOptimizer(optimizer)`."
            )
            self._load(SavedState.read(inner), strict=strict)
            return
        entries = {key: np.asarray(store[key]) for key in list(store.keys())}
        if self.built:
            self._load_numbered(entries, name_in_file(store), strict)
        else:
            self._pending = (entries, name_in_file(store))

    def load_state(
        self, source: str | Path | Mapping[str, Any], *, strict: bool = False
    ) -> None:
        """Load this optimizer's state alone, from a file of a whole model.

        Args:
            source: A `.keras` or `.weights.h5` file, or a mapping that
                `save_own_variables` filled.
            strict: Whether to raise where the state does not fit, before anything has
                changed, instead of a warning.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds no state of an optimizer of keras-lion; with
                `strict`, if a variable here has no saved state, or the other way round,
                or if the optimizer is not built.

        Example:

        ```python
        model.optimizer.build(model.trainable_variables)
        model.optimizer.load_state("checkpoint.weights.h5", strict=True)
        ```
        """
        if not isinstance(source, Mapping):
            source = read_state_of_file(source)
        self.load_own_variables(source, strict=strict)

    def _load_group(self, store: Mapping[str, Any]) -> None:
        """Load the group of a Keras file that `state_group` wrote."""
        if store.keys():
            self._load(SavedState.read(store))
        elif self._was_read:
            pass
        elif outer := state_above(store):
            self._load(SavedState.read(outer))
        else:
            warn(
                f"The file holds no state of optimizer '{self.name}', which stays as "
                "it is."
            )
        self._was_read = False

    def _load(
        self, state: SavedState, *, strict: bool = False, weights_follow: bool = False
    ) -> None:
        matched = self._match(state, strict, weights_follow) if self.built else None
        later = {}
        by_name = self._scalars()
        for name, value in state.scalars.items():
            if name not in by_name:
                later[name] = value
            elif self.restore_hyperparameters or name not in HYPERPARAMETERS:
                by_name[name].assign(permuted(value, matched))
        self._scalars_were_loaded()
        if matched is None:
            self._pending = SavedState(state.variables, state.slots, later)
        else:
            self._assign_slots(state, matched)

    def _load_numbered(
        self, entries: Mapping[str, Any], name: str | None, strict: bool
    ) -> None:
        """Load what Keras saved by number, if it was Keras's Lion."""
        state = None
        if name is not None and name.startswith("lion"):
            state = read_keras_lion(
                entries,
                self._described(),
                with_learning_rate="learning_rate" in self._scalars(),
            )
        if state is not None:
            self._load(state, strict=strict)
            return
        message = (
            f"The state to be loaded into optimizer '{self.name}' is that of another "
            f"optimizer{f', {name!r}' if name else ''}, or of other variables. "
            f"'{self.name}' starts fresh, with its own learning rate."
            f"{self.advice_on_other_state}"
        )
        if strict:
            raise ValueError(message)
        warn(message)
        self._assign_slots(
            SavedState((), {}, {}),
            Match([None] * len(self._trainable_variables), False),
        )

    def _restore_pending(self) -> None:
        """Load what was kept until now, at the end of `build`."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        with outside_of_graphs():
            if isinstance(pending, SavedState):
                self._load(pending)
            else:
                self._load_numbered(*pending, strict=False)

    def _state(self) -> SavedState:
        """The state, as NumPy arrays."""
        scalars = {name: v.numpy() for name, v in self._scalars().items()}
        if not self.built:
            pending = self._pending
            if isinstance(pending, SavedState):
                scalars = {**pending.scalars, **scalars}
                return SavedState(pending.variables, pending.slots, scalars)
            return SavedState((), {}, scalars)
        variables = [
            v._replace(checksum=checksum(variable))
            for v, variable in zip(
                self._described(), self._trainable_variables, strict=True
            )
        ]
        slots = {
            slot: [None if v is None else v.numpy() for v in variables]
            for slot, variables in self._slots().items()
        }
        return SavedState(tuple(variables), slots, scalars)

    def _scalars(self) -> dict[str, Any]:
        slots = self._slots() if self.built else {}
        known = {id(v) for variables in slots.values() for v in variables}
        return {v.name: v for v in self.variables if id(v) not in known}

    def _scalars_were_loaded(self) -> None:
        """Called after scalars were assigned."""

    def _described(self) -> list[Described]:
        return [
            Described(path_of(v), tuple(v.shape)) for v in self._trainable_variables
        ]

    def _match(self, state: SavedState, strict: bool, weights_follow: bool) -> Match:
        """Find the saved variable of each variable; warn, or raise, about the rest."""
        here, there = self._described(), state.variables
        if not there:  # saved before it was built
            return Match([None] * len(here), renamed=False)
        if state.slots.keys() - OPTIONS != self._slots().keys() - OPTIONS:
            there = ()  # of another kind of optimizer, where it means something else
        if [v._replace(checksum=None) for v in there] == here:
            return Match(list(range(len(here))), renamed=False)
        values = [checksum(variable) for variable in self._trainable_variables]
        found = match(
            [v._replace(checksum=c) for v, c in zip(here, values, strict=True)],
            there,
            weights_follow=weights_follow,
        )
        fresh = [v for v, k in zip(here, found.source, strict=True) if k is None]
        unused = [v for k, v in enumerate(state.variables) if k not in found.source]
        text = ""
        if fresh:
            text += f" Without saved state, starting fresh: {listed(fresh)}."
        if unused:
            text += f" Saved and not used: {listed(unused)}."
        if text and strict:
            raise ValueError(
                f"The saved state does not fit optimizer '{self.name}'.{text} Load it "
                "into the model that it was saved from, or without `strict`."
            )
        if found.renamed:
            # Without the optimizer's name, which Keras numbers: Python shows it once.
            text = (
                " It was saved for variables of other paths. Number, order and shapes "
                f"agree, and it is loaded in this order.{text}"
            )
        if text:
            warn(f"Loading the state of optimizer {type(self).__name__}:{text}")
        return found

    def _assign_slots(self, state: SavedState, matched: Match) -> None:
        state = self._stored_here(state, matched)
        for slot, variables in self._slots().items():
            saved = state.slots.get(slot)
            for index, variable in enumerate(variables):
                if variable is None:
                    continue
                k = matched.source[index]
                value = None if saved is None or k is None else saved[k]
                if value is not None:
                    variable.assign(value)
                elif slot == TOUCHED:  # saved by dense updates: all rows are current
                    now = ops.cast(state.scalars.get("iteration", 0), variable.dtype)
                    variable.assign(ops.broadcast_to(now, variable.shape))
                elif slot in AT_THE_WEIGHTS:
                    weight = self._trainable_variables[index]
                    variable.assign(ops.copy(ops.convert_to_tensor(weight)))
                else:
                    variable.assign(ops.zeros(variable.shape, variable.dtype))

    def take_over(self, optimizer: Any) -> None:
        """Start from the state of another optimizer of the same variables.

        The momentum of a `keras.optimizers.Lion`, or the first moment of an AdamW,
        becomes this one's momentum, and the count of iterations continues. Learning
        rate and weight decay stay as they are here: see `lion_from_adamw` for those.
        AdamW's moment is an average over fewer gradients, so that its noise decides the
        signs of Lion's next steps: where it was measured, fresh momentum was better.

        Args:
            optimizer: A built Keras optimizer with variables named `…_momentum`, or a
                `LossScaleOptimizer` of one. Not `SGD` or `RMSprop`, whose momentum
                sums up steps.

        Raises:
            ValueError: If the optimizer keeps no average of gradients, one of the two
                is not built, or their variables differ.
        """
        momenta, iteration = momenta_of(optimizer, self)
        own = [i for i, m in enumerate(self._slots()[MOMENTUM]) if m is not None]
        for index, taken in zip(own, momenta, strict=True):
            self._assign_momentum(index, taken)
        self._scalars()["iteration"].assign(ops.copy(iteration))
        self._momentum_was_replaced()

    def _assign_momentum(self, index: int, value: Any) -> None:
        """Replace the momentum of a variable by another optimizer's."""
        momentum = self._slots()[MOMENTUM][index]
        momentum.assign(ops.copy(ops.cast(value, momentum.dtype)))

    def _stored_here(self, state: SavedState, matched: Match) -> SavedState:
        """A state whose slots are stored as those here."""
        del matched
        return state

    def _momentum_was_replaced(self) -> None:
        """Called after another optimizer's momentum was taken over."""

    def _trackable_children(
        self, save_type: str = "checkpoint", **kwargs: Any
    ) -> dict[str, Any]:
        """What `tf.train.Checkpoint` saves: the state by path, as one entry."""
        if save_type != "checkpoint":
            return super()._trackable_children(save_type, **kwargs)  # type: ignore[misc, no-any-return]
        if self._python_state is None:
            self._python_state = python_state(
                lambda: self._state().to_bytes(), self._restore_bytes
            )
        return {"state": self._python_state}

    def _restore_bytes(self, content: bytes) -> None:
        # TensorFlow calls this before it restores the weights.
        self._load(SavedState.from_bytes(content), weights_follow=self.built)


def warn(message: str) -> None:
    """Warn at the line that loads, outside of Keras and of this package."""
    level, frame = 1, sys._getframe()
    inside = ("keras", "keras_lion", "tensorflow")
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in inside:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def permuted(value: np.ndarray, matched: Match | None) -> np.ndarray:
    """A vector of one entry per saved variable, in the order of the variables here."""
    if value.ndim == 0 or matched is None:
        return value
    return np.array([0 if k is None else value[k] for k in matched.source], value.dtype)
