"""Which private names of Keras the optimizers rely on: few, and written down."""

import ast
import inspect
from pathlib import Path

import keras

import keras_lion.optimizers

FOLDER = Path(keras_lion.optimizers.__file__).parent
ALLOWED = {
    # overridden
    "_accumulated_gradients": "the accumulators, as Keras names them",
    "_apply_weight_decay": "decay is part of the update",
    "_backend_apply_gradients": "accumulation, the guard, EMA",
    "_backend_update_step": "gradients are added up over replicas before",
    # called
    "_clip_gradients": "clipping of the mean gradient of a window",
    "_get_variable_index": "the slots of a variable",
    # read
    "_iterations": "micro-steps, where `iterations` counts updates",
    "_layout": "slots are sharded as their variable",
    "_model_variables_moving_average": "the averages, moved and saved",
    "_variables": "those of the wrapper of another optimizer",
    "_trainable_variables": "the variables that the optimizer was built with",
}


def classes_of_keras():
    """The bases of this backend's optimizers and variables, as far as Keras's."""
    bases = {*keras.optimizers.Optimizer.__mro__, *keras.Variable.__mro__}
    return [base for base in bases if base.__module__.startswith("keras.")]


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def attributes_assigned(source):
    """Names x of `self.x = …` in a class."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def private_names_of_keras():
    names = set()
    for base in classes_of_keras():
        names |= {*vars(base), *attributes_assigned(inspect.getsource(base))}
    return {name for name in names if is_private(name)}


def names_in(source):
    """Attributes, methods and strings (for `getattr`) of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def private_names_used():
    used = {
        name
        for file in FOLDER.glob("**/*.py")
        for name in names_in(file.read_text("utf-8"))
    }
    return used & private_names_of_keras()


def test_the_list_is_complete_and_has_nothing_more():
    assert private_names_used() == ALLOWED.keys()


def test_names_are_found_however_they_are_used():
    source = "class A:\n  def _x(self): super()._y(); getattr(self, '_z'); self._w"
    assert {"_x", "_y", "_z", "_w"} <= set(names_in(source))
    known = private_names_of_keras()
    assert {"_apply_weight_decay", "_iterations", "_layout"} <= known


def test_no_module_of_keras_is_entered_by_its_private_path():
    for file in FOLDER.glob("**/*.py"):
        assert "keras.src" not in file.read_text("utf-8"), file
