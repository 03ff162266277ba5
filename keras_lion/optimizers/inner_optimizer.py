"""What a wrapper takes from the optimizer that it wraps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INNER = "inner_optimizer"


class HandsOn:
    """Learning rate, count of steps and loss scale are those of `inner_optimizer`."""

    inner_optimizer: Any

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Any:
        """Steps of the inner optimizer."""
        return self.inner_optimizer.iterations

    @property
    def loss_scale_factor(self) -> float | None:
        """The loss scale of the inner optimizer."""
        inner = getattr(self, INNER, None)
        return None if inner is None else inner.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: float | None) -> None:
        if hasattr(self, INNER):  # not while the base class is set up
            self.inner_optimizer.loss_scale_factor = factor

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the loss scale of the inner optimizer."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Let the inner optimizer end a training."""
        self.inner_optimizer.finalize_variable_values(var_list)
