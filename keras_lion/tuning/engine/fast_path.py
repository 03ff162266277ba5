"""Whether the engine's own program computes what the compiled model does."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_lion.tuning.engine.compiled_model import ACCURACIES, CompiledModel
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.tasks.task import Task

TOLERANCE = 1e-5
MEAN = "sum_over_batch_size"  # of the losses of a batch


def is_built_in(task: Task) -> bool:
    """True for tasks of this package, whose programs are tested against `fit`."""
    model = getattr(task.model, "func", task.model)
    return (
        getattr(model, "__module__", "").startswith("keras_lion.")
        and task.loss is None
        and not task.metrics
        and task.callbacks is None
        and task.class_weight is None
    )


def fast_program(compiled: CompiledModel) -> TaskProgram | None:
    """The engine's program of a task, if it computes the same as the compiled model.

    It needs one array of inputs, single precision, no weights of examples or classes,
    no masks, no callbacks and no ways of the model's own; and on a batch of the task's
    examples, its loss and its metrics must be those of the compiled model.
    """
    if not _is_plain(compiled):
        return None
    try:
        program = TaskProgram(compiled.task, compiled.data, compiled.hyperparameters)
        same = _same_on_a_batch(program, compiled)
    except Exception:
        # What the program cannot do, `fit` can; and what `fit` cannot, it says.
        return None
    return program if same else None


def _is_plain(compiled: CompiledModel) -> bool:
    task, data = compiled.task, compiled.data
    return (
        isinstance(data.x, np.ndarray)
        and data.sample_weight is None
        and data.sample_weight_test is None
        and task.class_weight is None
        and task.callbacks is None
        and not compiled.own_ways
        and not _has_own_metrics(compiled)
        and _is_single_precision(compiled)
        and getattr(compiled.outputs, "_keras_mask", None) is None
        and getattr(compiled.loss, "ignore_class", None) is None
        and getattr(compiled.loss, "reduction", MEAN) == MEAN
    )


def _has_own_metrics(compiled: CompiledModel) -> bool:
    """True if the model's function compiled it with more than a loss and accuracy."""
    if not compiled.was_compiled or compiled.task.metrics:
        return False
    config = compiled.model.get_compile_config() or {}
    return (
        config.get("metrics") not in (None, [], ["accuracy"])
        or bool(config.get("weighted_metrics"))
        or bool(config.get("loss_weights"))
    )


def _is_single_precision(compiled: CompiledModel) -> bool:
    floats = [v for v in compiled.model.variables if "float" in str(v.dtype)]
    dtypes = [keras.backend.standardize_dtype(v.dtype) for v in floats]
    outputs = keras.backend.standardize_dtype(compiled.outputs.dtype)
    return {*dtypes, outputs} == {"float32"} and not compiled.has_scaled_loss


def _same_on_a_batch(program: TaskProgram, compiled: CompiledModel) -> bool:
    """Whether the program finds what Keras found of the same weights and examples."""
    program.model.set_weights(compiled.model.get_weights())
    expected, count = compiled.first_batch, compiled.first_batch_size
    sums = program.evaluation(
        [v.value for v in program.model.trainable_variables],
        [v.value for v in program.model.non_trainable_variables],
        *program.pool,
        ops.convert_to_tensor(np.arange(count, dtype="int32")[None]),
        ops.ones((1, count), "float32"),
    )
    found = program.evaluation_of(ops.convert_to_numpy(sums), count)
    if expected.accuracy is not None and found.accuracy is None:
        return False
    pairs = {"loss": (found.loss, expected.loss)}
    if found.accuracy is not None and expected.accuracy is not None:
        pairs["accuracy"] = (found.accuracy, expected.accuracy)
    names = {*found.metrics, *expected.metrics} - set(ACCURACIES)
    for name in names:
        values = found.metrics.get(name, np.nan), expected.metrics.get(name, np.nan)
        pairs[name] = values
    return all(
        np.isclose(*pair, rtol=TOLERANCE, atol=TOLERANCE) for pair in pairs.values()
    )
