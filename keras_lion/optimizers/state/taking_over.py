"""The momenta of another optimizer of the same variables."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from keras_lion.optimizers.backend import is_overwritten, path_of
from keras_lion.optimizers.state.matching import Described, listed, match

# Their momentum sums up past steps: it contains the learning rate, and SGD's has the
# opposite sign of the gradients.
_SUMS_OF_STEPS = (keras.optimizers.SGD, keras.optimizers.RMSprop)


def momenta_of(given: Any, taker: Any) -> tuple[list[Any], Any]:
    """Return the momentum of each variable of `taker`, and the iterations.

    Args:
        given: A built optimizer with variables named `…_momentum`.
        taker: A built optimizer of the same variables.

    Raises:
        ValueError: If `given` keeps no average of gradients, one of the two is not
            built, or their variables differ.
    """
    if not isinstance(given, keras.optimizers.Optimizer):
        raise ValueError(
            "`take_over` takes a built optimizer of the same variables, such as "
            f"`model.optimizer`. Received: {type(given).__name__}."
        )
    given = getattr(given, "inner_optimizer", given)
    if isinstance(given, _SUMS_OF_STEPS):
        raise ValueError(
            f"Optimizer '{given.name}' has no momentum that is an average of "
            "gradients, as AdamW and Lion have. Build Lion without `take_over`. "
            f"Received: {type(given).__name__}."
        )
    if not (taker.built and given.built):
        raise ValueError(
            "Both optimizers must be built before a state is taken over: call "
            "`optimizer.build(model.trainable_variables)`."
        )
    named = [v.name for v in _named_momenta(given)]
    there, here = described(given), described(taker)
    found = match(here, there)
    if len(named) != len(there) or len(here) != len(there) or None in found.source:
        raise ValueError(
            f"Optimizer '{given.name}' has no momentum for the variables of "
            f"'{taker.name}'. It has {named or 'none'}; expected "
            f"one for each of {listed(here)}."
        )
    if found.renamed:
        warnings.warn(
            f"The variables of '{given.name}' have other paths than those of "
            f"'{taker.name}'. Their number, order and shapes agree, and its momenta "
            "are taken in this order.",
            stacklevel=3,
        )
    iteration = next(v for v in given.variables if v.name == "iteration")
    # An optimizer of this package may keep its momenta in a code.
    momenta = getattr(given, "_momentum_values", lambda: _named_momenta(given))()
    return [momenta[k] for k in found.source if k is not None], iteration


def _named_momenta(given: Any) -> list[Any]:
    return [v for v in given.variables if v.name.endswith("_momentum")]


def described(optimizer: Any) -> list[Described]:
    """Describe the variables that an optimizer keeps a momentum of."""
    return [
        Described(path_of(v), tuple(v.shape))
        for v in optimizer._trainable_variables
        if not is_overwritten(v)
    ]
