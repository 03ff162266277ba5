"""Any Keras optimizer as an update rule, through its own `apply`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import keras
from keras import optimizers

from keras_lion.tuning import backend
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import RULES, UpdateRule

Tensor = Any
OptimizerFactory = Callable[..., Any]

# Weight decay is the engine's, so that λ means the same for all. What a function names
# among beta_1 and beta_2 is tuned; the rest stays at Keras's defaults.
KERAS_OPTIMIZERS: Mapping[str, OptimizerFactory] = {
    "adafactor": lambda: optimizers.Adafactor(weight_decay=None),
    "adam": lambda beta_1, beta_2: optimizers.Adam(beta_1=beta_1, beta_2=beta_2),
    "lamb": lambda beta_1, beta_2: optimizers.Lamb(beta_1=beta_1, beta_2=beta_2),
    "muon": lambda: optimizers.Muon(weight_decay=None, adam_weight_decay=None),
    "nadam": lambda beta_1, beta_2: optimizers.Nadam(beta_1=beta_1, beta_2=beta_2),
    "rmsprop": lambda: optimizers.RMSprop(),
    "schedule_free_adamw": lambda beta_1, beta_2: optimizers.ScheduleFreeAdamW(
        beta_1=beta_1, beta_2=beta_2, weight_decay=None
    ),
    "sgd": lambda: optimizers.SGD(),
    "sgd_momentum": lambda beta_1: optimizers.SGD(momentum=beta_1),
}


class KerasRule:
    """A Keras optimizer that the engine gives its learning rate and its decay.

        θ ← θ − η λ θ, then the optimizer's own step with learning rate η

    Betas and everything else of the optimizer are constants of the compiled program.

    Args:
        make: Function without arguments that returns a new optimizer.
        program: The task's program, whose model the optimizer is built for.

    Raises:
        ValueError: If the optimizer decays weights itself or has a schedule.
    """

    vectorizes = False

    def __init__(self, make: Callable[[], Any], program: TaskProgram) -> None:
        self._make = make
        self._program = program
        self._variables = program.model.trainable_variables
        self._optimizer = self._new_optimizer()
        rate = self._optimizer.learning_rate
        self._rate = next(
            k for k, v in enumerate(self._optimizer.variables) if v is rate
        )

    def _new_optimizer(self) -> Any:
        optimizer = undecayed(self._make())
        optimizer.build(self._variables)
        return optimizer

    def initial_slots(self, weights: list[Tensor]) -> list[list[Tensor]]:
        """The variables of an optimizer that was built on these weights."""
        # Some optimizers start from a copy of the weights.
        for variable, weight in zip(self._variables, weights, strict=True):
            variable.assign(weight)
        return [[v.value + 0 for v in self._new_optimizer().variables]]

    def apply(
        self,
        weights: list[Tensor],
        slots: list[list[Tensor]],
        gradients: list[Tensor],
        *,
        step: Tensor,
        learning_rate: Tensor,
        hyperparameters: Tensor,
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """One step of every weight tensor."""
        del step  # the optimizer counts by itself
        weights = [
            w - learning_rate * hyperparameters[0] * w if is_decayed else w
            for w, is_decayed in zip(weights, self._program.decayed, strict=True)
        ]
        state = list(slots[0])
        state[self._rate] = learning_rate
        weights, state = backend.stateless_apply(
            self._optimizer, self._variables, state, gradients, weights
        )
        return weights, [state]


def undecayed(optimizer: Any) -> Any:
    """The optimizer, if decay and learning rate are left to the engine.

    Raises:
        ValueError: If it decays weights itself or has a schedule.
    """
    if getattr(optimizer, "weight_decay", None):
        raise ValueError(
            "The engine applies weight decay itself, so that it means the same for all "
            f"optimizers. Received {type(optimizer).__name__} with "
            f"weight_decay={optimizer.weight_decay}; give it weight_decay=None."
        )
    if not isinstance(optimizer.learning_rate, keras.Variable):
        raise ValueError(
            "The engine sets the learning rate of every step. Received "
            f"{type(optimizer).__name__} with a schedule of its own; declare the "
            "schedule in the study's plan."
        )
    return optimizer


def get_rule(
    name: str,
    betas: Mapping[str, float],
    program: TaskProgram,
    own: Mapping[str, OptimizerFactory],
    options: Mapping[str, Any] | None = None,
) -> UpdateRule:
    """The update rule of that name.

    Args:
        name: One of `RULES`, of `KERAS_OPTIMIZERS`, or of the study's own optimizers.
        betas: Those that the configuration has, by name.
        program: The task's program.
        own: The study's own optimizers: functions of the hyperparameters that they
            name, which return a Keras optimizer.
        options: Values of the optimizer's `option_names`.

    Raises:
        ValueError: If there is no such optimizer, or an option does not take a value.
    """
    if name not in own and name in RULES:
        return replace(RULES[name], decayed=program.decayed).with_options(options or {})
    check_optimizers([name], own)
    make = own[name] if name in own else KERAS_OPTIMIZERS[name]
    return KerasRule(with_values(make, {**betas, **(options or {})}), program)


def option_names(name: str, own: Mapping[str, OptimizerFactory]) -> set[str]:
    """What a configuration may say of an optimizer beyond the usual.

    An option of a rule is an argument of its update that has a default; one of a
    study's own optimizers is an argument of its function.
    """
    if name not in own:
        return set(RULES[name].options) if name in RULES else set()
    return set(inspect.signature(own[name]).parameters) - {"beta_1", "beta_2"}


def needed_names(name: str, own: Mapping[str, OptimizerFactory]) -> list[str]:
    """The hyperparameters without which an optimizer cannot be made.

    Of a function those that it names without a default; the engine's own rules need
    their betas.
    """
    if name not in own and name in RULES:
        return read_betas(name, own)
    make = own[name] if name in own else KERAS_OPTIMIZERS[name]
    every = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in inspect.signature(make).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in every
    ]


def read_betas(name: str, own: Mapping[str, OptimizerFactory]) -> list[str]:
    """Those of β₁ and β₂ that an optimizer reads."""
    if name not in own and name in RULES:
        return ["beta_1"] if name == "signum" else ["beta_1", "beta_2"]
    make = own[name] if name in own else KERAS_OPTIMIZERS[name]
    parameters = inspect.signature(make).parameters
    return [beta for beta in ("beta_1", "beta_2") if beta in parameters]


def check_optimizers(names: Iterable[str], own: Mapping[str, OptimizerFactory]) -> None:
    """Refuse names of optimizers that are not known."""
    known = sorted({*RULES, *KERAS_OPTIMIZERS, *own})
    for name in names:
        if name not in known:
            raise ValueError(f"Unknown optimizer '{name}'. Known: {', '.join(known)}.")


def compiles_betas(name: str, own: Mapping[str, OptimizerFactory]) -> bool:
    """True if each pair of betas needs a program of its own."""
    return name in own or name not in RULES


def with_values(make: OptimizerFactory, values: Mapping[str, Any]) -> Callable[[], Any]:
    """A function without arguments: `make` with those values that it names."""
    wanted = [n for n in inspect.signature(make).parameters if n in values]
    return lambda: make(**{name: values[name] for name in wanted})
