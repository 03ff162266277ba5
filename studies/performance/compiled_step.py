"""A training step, or an update alone, as one compiled program on any backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from studies.performance.turns import Step


def compiled(
    optimizer: Any,
    variables: list[Any],
    others: list[Any],
    gradients_of: Callable[..., Any],
    examples: Sequence[Any],
) -> Step:
    """Gradients and update in one program, which overwrites weights and state.

    JAX donates the buffers and TensorFlow assigns variables, as Keras's `fit` does.

    Args:
        optimizer: A built optimizer.
        variables: The weights.
        others: Variables of the model that are not trained.
        gradients_of: From the values of both and the examples to gradients.
        examples: What the model is trained on.
    """
    fixed = [v.value for v in others]
    if keras.backend.backend() == "jax":
        return _on_jax(optimizer, variables, fixed, gradients_of, examples)
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def step(examples: Any) -> None:
        weights = [tf.convert_to_tensor(v.value) for v in variables]
        optimizer.apply(gradients_of(weights, fixed, *examples), variables)

    def take(steps: int) -> None:
        for _ in range(steps):
            step(examples)
        wait_for(variables[0])

    return take


def compiled_optax(
    transformation: Any,
    variables: list[Any],
    others: list[Any],
    gradients_of: Callable[..., Any],
    examples: Sequence[Any],
) -> tuple[Step, Any]:
    """The step of an Optax transformation, as `compiled`, and its first state."""
    import jax
    import optax  # type: ignore[import-untyped]

    fixed = [v.value for v in others]

    def step(weights: Any, state: Any, fixed: Any, examples: Any) -> Any:
        gradients = gradients_of(weights, fixed, *examples)
        updates, state = transformation.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    run = jax.jit(step, donate_argnums=(0, 1))
    weights = [jax.numpy.array(v.value) for v in variables]
    state = transformation.init(weights)
    held: list[Any] = [weights, state]

    def take(steps: int) -> None:
        for _ in range(steps):
            held[0], held[1] = run(*held, fixed, examples)
        jax.block_until_ready(held)

    return take, state


def wait_for(value: Any) -> None:
    """Return when a variable or tensor has been computed."""
    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready(keras.ops.convert_to_tensor(value))
        return
    # One element: all of a large tensor would take longer than an update.
    keras.ops.convert_to_numpy(keras.ops.reshape(value, (-1,))[0])


def _on_jax(
    optimizer: Any,
    variables: list[Any],
    fixed: list[Any],
    gradients_of: Callable[..., Any],
    examples: Sequence[Any],
) -> Step:
    import jax

    # Copies: what is donated is gone, and initial values may be shared.
    weights = [jax.numpy.array(v.value) for v in variables]

    def step(weights: Any, state: Any, fixed: Any, examples: Any) -> Any:
        gradients = gradients_of(weights, fixed, *examples)
        return optimizer.stateless_apply(state, gradients, weights)

    update = jax.jit(step, donate_argnums=(0, 1))
    held = [weights, [jax.numpy.array(v.value) for v in optimizer.variables]]

    def take(steps: int) -> None:
        for _ in range(steps):
            held[0], held[1] = update(*held, fixed, examples)
        jax.block_until_ready(held)

    return take
