"""Situations in which a checkpoint is loaded, and what becomes of weights and momenta.

    KERAS_BACKEND=tensorflow python -m tests.optimizers.checkpoint_situations
    KERAS_BACKEND=jax python -m tests.optimizers.checkpoint_situations

write the table in `docs/checkpoints.md`, each command the rows of its backend.
"""

import copy
import pickle
import re
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion import Lion
from keras_lion.discovery import ProgramOptimizer, zoo
from tests.arrays import array

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
START, END = "<!-- situations -->\n", "<!-- end -->\n"
HEAD = "| saved and loaded | format | weights | momenta | warnings |\n"
RATE = 1e-3


@dataclass
class Side:
    """A model as it is when a checkpoint is saved or loaded."""

    layers: tuple[str, ...] = ("first", "second", "third")
    optimizer: Callable[[], Any] = lambda: Lion(RATE, name="lion")
    frozen: tuple[str, ...] = ()
    units: dict[str, int] = field(default_factory=dict)
    sequential: bool = False

    def build(self) -> Any:
        """The compiled model, its optimizer not built."""
        inputs = keras.Input((4,))
        layers = [
            keras.layers.Dense(
                self.units.get(name, 4), name=name, trainable=name not in self.frozen
            )
            for name in self.layers
        ]
        if self.sequential:
            model = keras.Sequential([inputs, *layers], name="net")
        else:
            outputs = inputs
            for layer in layers:
                outputs = layer(outputs)
            model = keras.Model(inputs, outputs, name="net")
        model.compile(self.optimizer(), "mse")
        return model


@dataclass
class Situation:
    """What is saved, and what it is loaded into."""

    name: str
    saved: Side = field(default_factory=Side)
    loaded: Side = field(default_factory=Side)


def lion(**options: Any) -> Callable[[], Any]:
    return lambda: Lion(RATE, name="lion", **options)


def program() -> Any:
    return ProgramOptimizer(zoo.LION, name="program")


def scaled() -> Any:
    return keras.optimizers.LossScaleOptimizer(Lion(RATE, name="lion"), name="scaled")


TWO = ("first", "second")
BASE_FROZEN = Side(frozen=TWO)
SAME = Situation("the same model")
SITUATIONS = [
    SAME,
    Situation(
        "the same Sequential model", Side(sequential=True), Side(sequential=True)
    ),
    Situation("all layers renamed", loaded=Side(("a", "b", "c"))),
    Situation("one layer renamed", loaded=Side(("first", "second", "other"))),
    Situation(
        "automatic names, numbered anew",
        Side(("dense", "dense_1", "dense_2")),
        Side(("dense_3", "dense_4", "dense_5")),
    ),
    Situation(
        "automatic names that overlap",
        Side(("dense", "dense_1", "dense_2")),
        Side(("dense_1", "dense_2", "dense_3")),
    ),
    Situation(
        "given names that overlap in other places",
        Side(("a", "b", "c")),
        Side(("b", "c", "d")),
    ),
    Situation(
        "layers of one shape reordered", loaded=Side(("third", "first", "second"))
    ),
    Situation("saved with a frozen base, then unfrozen", BASE_FROZEN, Side()),
    Situation("saved whole, then the base frozen", Side(), BASE_FROZEN),
    Situation(
        "frozen, then unfrozen under other automatic names",
        Side(("dense", "dense_1"), frozen=("dense",)),
        Side(("dense_1", "dense_2")),
    ),
    Situation("grown by a layer", Side(TWO), Side()),
    Situation("shrunk by a layer", Side(), Side(TWO)),
    Situation("last layer of another width", loaded=Side(units={"third": 3})),
    Situation(
        "into `momentum_dtype='bfloat16'`",
        loaded=Side(optimizer=lion(momentum_dtype="bfloat16")),
    ),
    Situation(
        "from `momentum_dtype='bfloat16'`",
        Side(optimizer=lion(momentum_dtype="bfloat16")),
    ),
    Situation("`use_ema` turned on", loaded=Side(optimizer=lion(use_ema=True))),
    Situation("`use_ema` turned off", Side(optimizer=lion(use_ema=True))),
    Situation(
        "accumulation turned on",
        loaded=Side(optimizer=lion(gradient_accumulation_steps=2)),
    ),
    Situation(
        "accumulation turned off", Side(optimizer=lion(gradient_accumulation_steps=2))
    ),
    Situation(
        "`skip_nonfinite` turned on", loaded=Side(optimizer=lion(skip_nonfinite=True))
    ),
    Situation(
        "in a `LossScaleOptimizer`", Side(optimizer=scaled), Side(optimizer=scaled)
    ),
    Situation("taken out of a `LossScaleOptimizer`", Side(optimizer=scaled)),
    Situation("put into a `LossScaleOptimizer`", loaded=Side(optimizer=scaled)),
    Situation("a `ProgramOptimizer`", Side(optimizer=program), Side(optimizer=program)),
    Situation("from a `ProgramOptimizer`", Side(optimizer=program)),
]
FOREIGN = [
    Situation(
        f"Keras's {name} into Lion", Side(optimizer=getattr(keras.optimizers, name))
    )
    for name in ("Lion", "AdamW", "Adam", "SGD", "RMSprop")
] + [
    Situation(
        f"Lion into Keras's {name}",
        Side(),
        Side(optimizer=getattr(keras.optimizers, name)),
    )
    for name in ("Lion", "AdamW", "SGD", "RMSprop")
]


def inner(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def train(model: Any) -> None:
    """Give weights and optimizer a state in which no two variables are alike."""
    generator = np.random.default_rng(0)
    optimizer = inner(model.optimizer)
    model.optimizer.build(model.trainable_variables)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    for _ in range(3):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=v.shape).astype("float32"))
            for v in model.trainable_variables
        ]
        optimizer.apply(gradients)


def momenta(optimizer: Any) -> list[np.ndarray]:
    """The momentum of each trainable variable; none if the optimizer keeps none."""
    variables = inner(optimizer).variables
    for ending in ("_momentum", "_m", "_velocity"):
        found = [v for v in variables if v.name.endswith(ending)]
        if found:
            return [np.asarray(array(v), "float32") for v in found]
    return []


def save_weights(model: Any, folder: str) -> Callable[[Any], None]:
    model.save_weights(f"{folder}/model.weights.h5")
    return lambda other: other.load_weights(
        f"{folder}/model.weights.h5", skip_mismatch=True
    )


def save_model(model: Any, folder: str) -> Callable[[Any], None]:
    model.save(f"{folder}/model.keras")
    return lambda other: other.load_weights(f"{folder}/model.keras", skip_mismatch=True)


def save_shards(model: Any, folder: str) -> Callable[[Any], None]:
    model.save_weights(f"{folder}/model.weights.json", max_shard_size=1e-6)
    return lambda other: other.load_weights(f"{folder}/model.weights.json")


def save_backup(model: Any, folder: str) -> Callable[[Any], None]:
    def callback(of: Any) -> Any:
        found = keras.callbacks.BackupAndRestore(folder)
        found.set_model(of)
        return found

    callback(model).on_epoch_end(0)
    return lambda other: callback(other).on_train_begin()


def save_tensorflow(model: Any, folder: str) -> Callable[[Any], None]:
    import tensorflow as tf

    def checkpoint(of: Any) -> Any:
        return tf.train.Checkpoint(model=of, optimizer=of.optimizer)

    path = checkpoint(model).save(f"{folder}/checkpoint")

    def load(other: Any) -> None:
        checkpoint(other).restore(path).expect_partial()

    return load


def save_orbax(model: Any, folder: str) -> Callable[[Any], None]:
    callback = keras.callbacks.OrbaxCheckpoint(folder, save_freq="epoch")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    callback.on_train_end()
    return lambda other: other.load_weights(folder)


def load_whole_model(model: Any, folder: str) -> Callable[[Any], Any]:
    model.save(f"{folder}/model.keras")
    return lambda other: keras.saving.load_model(f"{folder}/model.keras")


def pickle_model(model: Any, folder: str) -> Callable[[Any], Any]:
    content = pickle.dumps(model)
    return lambda other: pickle.loads(content)


def with_optimizer(copied: Any) -> Callable[[Any], None]:
    def load(other: Any) -> None:
        other.compile(copied, "mse")

    return load


def copy_optimizer(model: Any, folder: str) -> Callable[[Any], None]:
    return with_optimizer(copy.deepcopy(model.optimizer))


def pickle_optimizer(model: Any, folder: str) -> Callable[[Any], None]:
    return with_optimizer(pickle.loads(pickle.dumps(model.optimizer)))


WEIGHTS, MODEL = "`.weights.h5`", "`.keras`, `load_weights`"
TENSORFLOW, ORBAX = "`tf.train.Checkpoint`", "Orbax"
FORMATS: dict[str, Callable[[Any, str], Callable[[Any], Any]]] = {
    WEIGHTS: save_weights,
    MODEL: save_model,
    "`.keras`, `load_model`": load_whole_model,
    "`.weights.json`, in shards": save_shards,
    "`BackupAndRestore`": save_backup,
    TENSORFLOW: save_tensorflow,
    ORBAX: save_orbax,
    "`pickle` of the model": pickle_model,
    "`copy.deepcopy` of the optimizer": copy_optimizer,
    "`pickle` of the optimizer": pickle_optimizer,
}
COPIES = [kind for kind in FORMATS if "of the optimizer" in kind]


@dataclass
class Outcome:
    """What became of a checkpoint."""

    format: str
    lost: list[str]
    restored: list[str]
    fresh: list[str]
    wrong: list[str]
    warnings: list[str]

    def cells(self) -> tuple[str, str, str]:
        """What the table says of weights, momenta and warnings."""
        weights = f"lost: {', '.join(self.lost)}" if self.lost else "loaded"
        if self.format in COPIES:
            weights = "–"
        return weights, self.momenta(), str(len(self.warnings) or "–")

    def momenta(self) -> str:
        """What became of the momenta, in words."""
        if self.wrong:
            return f"wrong: {', '.join(self.wrong)}"
        if not self.restored and not self.fresh:
            return "–"
        if not self.fresh:
            return "restored"
        if not self.restored:
            return "fresh"
        layers = dict.fromkeys(path.split("/")[-2] for path in self.fresh)
        return f"restored, except for {', '.join(layers)}"


def run(situation: Situation, kind: str, built: bool) -> Outcome:
    """Save one model, load the checkpoint into another, and look."""
    keras.utils.clear_session()
    before, after = situation.saved.build(), situation.loaded.build()
    train(before)
    with tempfile.TemporaryDirectory() as folder:
        load = FORMATS[kind](before, folder)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            if built:
                after.optimizer.build(after.trainable_variables)
            after = load(after) or after
            after.optimizer.build(after.trainable_variables)
    return judged(kind, before, after, [str(w.message) for w in said])


def judged(kind: str, before: Any, after: Any, messages: list[str]) -> Outcome:
    """Compare a model that loaded a checkpoint with the one that saved it.

    A momentum belongs to the weights that it was gathered on, wherever they are now;
    where a variable has no saved weights, to the variable of its path.
    """
    pairs = zip(before.layers, after.layers, strict=False)
    lost = [
        b.name
        for a, b in pairs
        for v, w in zip(a.weights, b.weights, strict=True)
        if v.shape == w.shape and not np.array_equal(array(v), array(w))
        if kind not in COPIES
    ]
    saved = dict(
        zip(
            [id(v) for v in before.trainable_variables],
            momenta(before.optimizer),
            strict=False,
        )
    )
    restored, fresh, wrong = [], [], []
    for variable, momentum in zip(
        after.trainable_variables, momenta(after.optimizer), strict=False
    ):
        owners = [
            v for v in before.weights if np.array_equal(array(v), array(variable))
        ] or [v for v in before.weights if v.path == variable.path]
        own = [saved[id(v)] for v in owners if id(v) in saved]
        if not momentum.any():
            fresh.append(variable.path)
        elif any(
            m.shape == momentum.shape and np.allclose(m, momentum, rtol=2**-7)
            for m in own
        ):
            restored.append(variable.path)
        else:
            wrong.append(variable.path)
    about = re.compile("optimizer|paths that differ")
    ours = [m for m in messages if about.search(m)]
    return Outcome(kind, lost, restored, fresh, wrong, ours)


def cases() -> list[tuple[Situation, str]]:
    """What is in the table on this backend."""

    found = [(SAME, kind) for kind in FORMATS if kind not in (TENSORFLOW, ORBAX)]
    found += [(situation, WEIGHTS) for situation in SITUATIONS[1:] + FOREIGN]
    if keras.backend.backend() == "jax":
        found.append((SAME, ORBAX))
    if keras.backend.backend() == "tensorflow":
        # TensorFlow raises for a weight of another shape, before Lion is asked.
        found += [(s, TENSORFLOW) for s in SITUATIONS if not s.loaded.units]
    return found


def row(situation: Situation, kind: str, outcomes: Sequence[Outcome]) -> str:
    """A row of the table, of the outcomes for an optimizer that is built and not."""
    built, not_built = (outcome.cells() for outcome in outcomes)
    cells = [
        one if one == other else f"{one}; not built: {other}"
        for one, other in zip(built, not_built, strict=True)
    ]
    return f"| {' | '.join((situation.name, kind, *cells))} |\n"


def rows_of_page() -> dict[tuple[str, str], str]:
    """The rows of the table, by their first two cells."""
    table = PAGE.read_text("utf-8").partition(START)[2].partition(END)[0]
    lines = table.splitlines(keepends=True)[2:]
    return {tuple(line.strip("| \n").split(" | ")[:2]): line for line in lines}  # type: ignore[misc]


def write() -> None:
    """Write the rows of this backend into the page; those of another one stay."""
    rows = {
        (situation.name, kind): row(
            situation, kind, [run(situation, kind, built) for built in (True, False)]
        )
        for situation, kind in cases()
    }
    for key, other in rows_of_page().items():
        if key[1] in (TENSORFLOW, ORBAX):
            rows.setdefault(key, other)
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    ordered = sorted(
        rows, key=lambda key: (key[1] in (TENSORFLOW, ORBAX), key[1] == TENSORFLOW)
    )
    table = (
        HEAD
        + "|---" * HEAD.count(" | ")
        + "|---|\n"
        + "".join(rows[k] for k in ordered)
    )
    PAGE.write_text(f"{before}{START}{table}{END}{after}", "utf-8")


if __name__ == "__main__":
    write()
