"""Lion as a Keras optimizer."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import (
    after,
    compute_dtype,
    in_replicas,
    sum_over_replicas,
)
from keras_lion.optimizers.base_arguments import check_base_arguments
from keras_lion.optimizers.bufferless_accumulation import BufferlessAccumulation
from keras_lion.optimizers.compiled_update import CompiledUpdate
from keras_lion.optimizers.gradients import check_gradients
from keras_lion.optimizers.hyperparameters import (
    check_beta,
    check_flag,
    check_learning_rate,
    is_number,
    warn_of_unusual,
)
from keras_lion.optimizers.lazy_rows import LazyRows
from keras_lion.optimizers.nonfinite_guard import select
from keras_lion.optimizers.state.checkpoint import (
    ACCUMULATOR,
    AVERAGE,
    TOUCHED,
    StateCheckpoints,
)
from keras_lion.optimizers.state.saved_state import MOMENTUM, SCALE
from keras_lion.optimizers.storage.momentum_storage import MomentumStorage
from keras_lion.optimizers.storage.stochastic_rounding import (
    STORAGE_DTYPES,
    check_storage_dtype,
)
from keras_lion.optimizers.updates import (
    Betas,
    can_be_in_place,
    lion_update,
)
from keras_lion.optimizers.weight_decay import DecoupledWeightDecay, Mask


@keras.saving.register_keras_serializable(package="keras_lion")
class Lion(
    MomentumStorage,
    StateCheckpoints,
    LazyRows,
    CompiledUpdate,
    BufferlessAccumulation,
    DecoupledWeightDecay,
    keras.optimizers.Optimizer,
):
    """Lion: a step of one size in the direction of the sign of an averaged gradient.

    Lion keeps one momentum per weight, half the state of AdamW. Every weight moves by
    the same amount at every step, so its learning rate is usually 3 to 10 times smaller
    than AdamW's, and its weight decay about 10 times larger. The example below starts
    from AdamW's usual 1e-3 and 0.1, converted (1 / 4.4 and 10.5 times as large);
    `lion_from_adamw` converts others.

    With θ the weights, m the momentum (zero at first), g the gradient, η the learning
    rate and λ the weight decay,

        c = β₁ m + (1 − β₁) g
        θ ← θ − η (sign(c) + λ θ)
        m ← β₂ m + (1 − β₂) g

    Weight decay is decoupled: λ is multiplied by the current learning rate, is applied
    to the weights before the step, and never enters the momentum. Arithmetic is in
    float32 at least (float64 for float64 weights), whatever the dtype of the weights,
    and the momentum is stored so unless `momentum_dtype` says otherwise.

    Args:
        learning_rate: η: a number, a `keras.optimizers.schedules.LearningRateSchedule`,
            or a callable without arguments. Default 1e-4, as the authors' code
            (`keras.optimizers.Lion`: 1e-3).
        beta_1: β₁ in [0, 1), the weight of the momentum in the step.
        beta_2: β₂ in [0, 1), the weight of the old momentum in the new one.
        weight_decay: λ: a number, a schedule (of the same counter as the learning
            rate's), a callable without arguments, or None for no decay. A number may be
            replaced at any time, also after compilation:
            `optimizer.weight_decay = 0.1`.
        momentum_dtype: Dtype of the stored momentum: None (float32, or float64 for
            float64 weights), `"float32"`, `"float64"`, `"bfloat16"`, or `"int8"`: a
            byte per weight and a scale for each 64, for variables of at least 1,024
            elements.
        cautious: Move only where the step descends by the current gradient, and scale
            the rest up, at most 10 times. See `updates.cautious_direction`.
        weight_decay_coupling: `"learning_rate"`: decay is λ η_t, as in the paper;
            `"schedule"`: decay is λ η_t / η_peak, and does not depend on the peak.
        peak_learning_rate: η_peak, a number > 0. Needed with
            `weight_decay_coupling="schedule"` where the learning rate is a callable or
            a schedule of your own, from which the peak cannot be read.
        cautious_weight_decay: Decay only where sign(c) θ ≥ 0.
        weight_decay_mask: What is decayed: None (everything), `"matrices"` (variables
            of two or more dimensions), a list of variables and regular expressions that
            are searched in variables' paths (`["kernel"]` decays kernels only, the
            opposite of `exclude_from_weight_decay(var_names=["kernel"])`), or a
            function of a variable that returns True where it is decayed. Register the
            function with Keras if the optimizer is to be saved; see the example.
        skip_nonfinite: Drop a step in which any gradient has a NaN or an infinity:
            weights, momentum, averages and iterations stay as they are, and
            `optimizer.skipped_steps` counts it. The forward pass cannot be undone: the
            moving statistics of `BatchNormalization` have taken in the NaN, and
            `evaluate` then returns NaN. Check the inputs, or restore the statistics as
            in docs/combinations.md. The loss of that batch may be NaN: `fit` reports
            it, and `TerminateOnNaN` would still stop the training.
        accumulator_dtype: Dtype of the gradient accumulators, where
            `gradient_accumulation_steps` needs them: `"float32"`, `"float64"` or
            `"bfloat16"`. With β₁ = β₂, a float32 or float64 momentum, no clipping and
            no caution there are none: the momentum gathers the gradients itself.
        lazy_embeddings: Whether a row of a `keras.layers.Embedding` stays as it is at a
            step whose gradient of the row is 0. Its momentum is multiplied by β₂ for
            each such step when it moves again; decay of those steps is left out. False
            is the algorithm of the paper: rows move on by their momentum, for
            thousands of steps.
        stochastic_rounding: Whether what is stored in bfloat16, weights and momenta, is
            rounded up or down at random, by step and variable, so that it is right on
            average. False rounds to the nearest, which loses every step below half a
            unit in the last place: bfloat16 weights then stay where they are at usual
            learning rates.
        compile_update: `"auto"`: where no compiled program holds the update, as in an
            eager `apply`, with `run_eagerly=True` or in a plain `tf.function`, it is
            one compiled call, on one device. False: never.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`: `clipnorm`,
            `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`,
            `ema_overwrite_frequency`, `loss_scale_factor`,
            `gradient_accumulation_steps`.

    Raises:
        ValueError: If a hyperparameter is out of its range, or two options exclude each
            other.

    Example:

    ```python
    import keras
    from keras_lion import Lion

    model = keras.Sequential([keras.layers.Dense(10)])
    model.compile(
        optimizer=Lion(learning_rate=2.3e-4, weight_decay=1.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ```

    A mask that is a function survives `model.save` if it is registered (a lambda does
    not):

    ```python
    @keras.saving.register_keras_serializable(package="my_project")
    def is_kernel(variable):
        return variable.name == "kernel"


    optimizer = Lion(2.3e-4, weight_decay=1.05, weight_decay_mask=is_kernel)
    ```

    References:
        - [Chen et al., 2023, Algorithm 2](https://arxiv.org/abs/2302.06675)
        - [The authors' code](https://github.com/google/automl/tree/master/lion)
    """

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: Any = None,
        *,
        momentum_dtype: str | None = None,
        cautious: bool = False,
        weight_decay_coupling: str = "learning_rate",
        peak_learning_rate: float | None = None,
        cautious_weight_decay: bool = False,
        weight_decay_mask: Mask = None,
        skip_nonfinite: bool = False,
        accumulator_dtype: str = "float32",
        lazy_embeddings: bool = False,
        stochastic_rounding: bool = True,
        compile_update: str | bool = "auto",
        name: str | None = None,
        **base: Any,
    ) -> None:
        learning_rate = check_learning_rate(learning_rate)
        check_base_arguments(base, inspect.signature(Lion).parameters)
        super().__init__(learning_rate, name=name, **base)
        self._set_up_checkpoints()
        self._set_up_compilation(compile_update)
        self.beta_1 = check_beta("beta_1", beta_1)
        self.beta_2 = check_beta("beta_2", beta_2)
        self.momentum_dtype = check_storage_dtype(
            "momentum_dtype", momentum_dtype, (*STORAGE_DTYPES, "int8")
        )
        self.stochastic_rounding = check_flag(
            "stochastic_rounding", stochastic_rounding
        )
        self.accumulator_dtype = check_storage_dtype(
            "accumulator_dtype", accumulator_dtype
        )
        self.cautious = check_flag("cautious", cautious)
        self.cautious_weight_decay = check_flag(
            "cautious_weight_decay", cautious_weight_decay
        )
        self.skip_nonfinite = check_flag("skip_nonfinite", skip_nonfinite)
        self.lazy_embeddings = check_flag("lazy_embeddings", lazy_embeddings)
        if lazy_embeddings and cautious:
            raise ValueError(
                "`lazy_embeddings` and `cautious` exclude each other: a cautious step "
                "is scaled by a mean over the whole table, and lazy rows take no part. "
                "Leave one of them out."
            )
        if lazy_embeddings and self.momentum_dtype == "int8":
            raise ValueError(
                "`lazy_embeddings` and `momentum_dtype='int8'` exclude each other: "
                "rows that stay would be rounded again with the blocks of rows that "
                "move. Use `momentum_dtype='bfloat16'`, or leave one of them out."
            )
        self._set_up_weight_decay(
            weight_decay,
            weight_decay_coupling,
            peak_learning_rate,
            weight_decay_mask,
            learning_rate,
        )
        warn_of_unusual(
            learning_rate,
            (self.beta_1, self.beta_2),
            self.weight_decay,
            self._peak_learning_rate,
        )

    @property
    def learning_rate(self) -> Any:
        """η of the next step. A number may be replaced by another at any time."""
        rates = self._compiled.rates
        return super().learning_rate if rates is None else rates[0]

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if is_number(learning_rate):  # else a tensor or a schedule, which Keras checks
            check_learning_rate(learning_rate)
        keras.optimizers.Optimizer.learning_rate.fset(self, learning_rate)

    def build(self, variables: list[Any]) -> None:
        """Make a momentum, zero at first, for each variable, and what options need."""
        if self.built:
            return
        # The base class would make accumulators in the dtype of the variables.
        steps, self.gradient_accumulation_steps = self.gradient_accumulation_steps, None
        super().build(variables)
        self.gradient_accumulation_steps = steps
        self._build_momentums(variables)
        self._decays = [self.decays(variable) for variable in variables]
        self._warn_of_no_effect(variables)
        self._build_lazy_rows(variables)
        self._build_guard()
        self._build_accumulation(variables)
        self._restore_pending()

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables.

        Before all else, rows of one index of a sparse gradient are added up, and
        gradients are added up over the replicas of a `tf.distribute` strategy.
        """
        gradients = list(grads)
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if trainable_variables is not None or self.built:
            check_gradients(gradients, trainable_variables or self._trainable_variables)
        gradients = self._dense_or_rows(
            gradients,
            trainable_variables or getattr(self, "_trainable_variables", []),
            sparse=not self.gradient_accumulation_steps and not in_replicas(),
        )
        gradients = sum_over_replicas(gradients)
        super().apply(gradients, trainable_variables)

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any, applies: Any = True
    ) -> None:
        """One step of one variable, where `applies` is true."""
        index = self._get_variable_index(variable)
        parts, dtype = self._momentum_parts(index), compute_dtype(variable)
        touched, betas = self._touched[index], Betas.of(self.beta_1, self.beta_2)
        weight = ops.cast(self._read_rows(index, variable), dtype)
        old = [self._read_rows(index, part) for part in parts]
        gradient = ops.cast(self._row_gradient(index, gradient), dtype)
        current = self._decoded(old, dtype)
        if touched is not None:
            current = self._caught_up(index, current)
            applies = self._is_touched(gradient, applies)
        # Where the momentum is stored as it is computed.
        stored_so = applies is True and parts[0].dtype == dtype
        in_place = stored_so and can_be_in_place(betas)
        new_weight, new_momentum = lion_update(
            weight,
            current,
            gradient,
            learning_rate=ops.cast(learning_rate, dtype),
            weight_decay=self._weight_decay_of(index, dtype),
            betas=betas,
            cautious=self.cautious,
            in_place=in_place,
            **self._decay_form(),
        )
        drawn = "bfloat16" in (variable.dtype, *(part.dtype for part in parts))
        places = self._places(index, variable.shape) if drawn else None
        assigned = self._rounded_weight(
            index, select(applies, new_weight, weight), variable.dtype, places
        )
        if not in_place:
            # The weight reads the old momentum: it must not be overwritten before.
            new_momentum = after(new_momentum, assigned)
        self._write_rows(index, variable, assigned)
        stored = self._encoded(index, new_momentum, places)
        for part, new, before in zip(parts, stored, old, strict=True):
            self._write_rows(index, part, select(applies, new, before))
        if touched is not None:
            now = ops.cast(self.iterations + 1, touched.dtype)
            last = self._read_rows(index, touched)
            self._write_rows(index, touched, select(applies, now, last))

    def _weight_decay_number(self) -> Any:
        rates = self._compiled.rates
        return super()._weight_decay_number() if rates is None else rates[1]

    def _decay_form(self) -> dict[str, Any]:
        """The options of `signed_step` that say how weights decay."""
        return {"cautious_weight_decay": self.cautious_weight_decay}

    def _weight_decay_of(self, index: int, dtype: str) -> Any:
        return self._current_weight_decay(dtype) if self._decays[index] else 0.0

    def _slots(self) -> dict[str, list[Any]]:
        slots = {MOMENTUM: self._momentums}
        if self.momentum_dtype == "int8":
            slots[SCALE] = self._scales
        if self.gradient_accumulation_steps:
            slots[ACCUMULATOR] = self._accumulated_gradients
        if self.lazy_embeddings:
            slots[TOUCHED] = self._touched
        if self.use_ema:
            slots[AVERAGE] = self._model_variables_moving_average
        return slots

    def _momentum_was_replaced(self) -> None:
        self._restart_idle_time()

    def _scalars_were_loaded(self) -> None:
        self._read_weight_decay_variable()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "momentum_dtype": self.momentum_dtype,
            "cautious": self.cautious,
            **self._decay_form(),
            "skip_nonfinite": self.skip_nonfinite,
            "accumulator_dtype": self.accumulator_dtype,
            "lazy_embeddings": self.lazy_embeddings,
            "stochastic_rounding": self.stochastic_rounding,
            "compile_update": self.compile_update,
            **self._weight_decay_config(),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Lion:
        config = dict(config)
        for name in ("weight_decay", "weight_decay_mask"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(
                    config[name], custom_objects=custom_objects
                )
        excluded = config.pop("excluded_from_weight_decay", None)
        optimizer: Lion = super().from_config(config, custom_objects)
        if excluded:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        return optimizer
