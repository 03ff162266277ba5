"""Gradient accumulation without buffers: the momentum gathers the gradients itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_lion.optimizers.accumulation import GradientAccumulation
from keras_lion.optimizers.backend import compute_dtype
from keras_lion.optimizers.nonfinite_guard import select
from keras_lion.optimizers.updates import accumulate_in_momentum, signed_step


class BufferlessAccumulation(GradientAccumulation):
    """Gradient accumulation of Lion, which needs no buffer where β₁ = β₂."""

    beta_1: float
    beta_2: float
    momentum_dtype: str | None
    cautious: bool
    lazy_embeddings: bool
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    _momentums: list[Any]
    _decay_form: Callable[[], dict[str, Any]]
    _rounded_weight: Callable[..., Any]

    @property
    def accumulates_in_momentum(self) -> bool:
        """True if the momentum gathers the gradients of a window, without a buffer."""
        return (
            bool(self.gradient_accumulation_steps)
            and self.beta_1 == self.beta_2
            and self.momentum_dtype not in ("bfloat16", "int8")
            and not self.cautious
            and not self.lazy_embeddings
            and not (self.clipnorm or self.clipvalue or self.global_clipnorm)
        )

    def accumulate_variable(
        self,
        gradient: Any,
        variable: Any,
        learning_rate: Any,
        first: Any,
        finite: Any,
        applies: Any,
    ) -> None:
        """One micro-step of one variable whose momentum gathers the gradients."""
        index = self._get_variable_index(variable)
        momentum, dtype = self._momentums[index], compute_dtype(variable)
        weight, old = ops.cast(variable, dtype), ops.cast(momentum, dtype)
        gathered = old
        if gradient is not None:
            gathered = accumulate_in_momentum(
                old,
                ops.cast(gradient, dtype),
                first=first,
                steps=self.gradient_accumulation_steps or 1,
                one_minus_beta=1.0 - self.beta_2,
            )
        # With one beta, the interpolation c is the momentum after its update.
        new_weight = signed_step(
            weight,
            gathered,
            learning_rate=ops.cast(learning_rate, dtype),
            weight_decay=self._weight_decay_of(index, dtype),
            **self._decay_form(),
        )
        moved = select(applies, new_weight, weight)
        self.assign(variable, self._rounded_weight(index, moved, variable.dtype))
        self.assign(momentum, select(finite, gathered, old))
