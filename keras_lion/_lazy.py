"""Names that load their module on first use, and one clear line when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lazy_loader

_EXTRA_OF = {
    "jax": "jax",
    "jinja2": "studies",
    "keras_tuner": "studies",
    "matplotlib": "studies",
    "mnist1d": "studies",
    "pandas": "studies",
    "rich": "studies",
    "scipy": "studies",
    "seaborn": "studies",
    "sklearn": "studies",
    "tensorboard": "studies",
    "tensorflow_datasets": "studies",
}
_BACKENDS = ("tensorflow", "jax", "torch")


def missing_package(package: str, error: ModuleNotFoundError) -> ImportError | None:
    """The advice for a missing optional package, or None if it is not one of ours."""
    missing = (error.name or "").partition(".")[0]
    if missing in _BACKENDS and _imported_by_keras(error):
        return ImportError(
            f"{package} needs Keras, and Keras found no backend: package "
            f"'{missing}' is not installed. Install one with "
            "pip install 'keras-lion[tensorflow]' or pip install 'keras-lion[jax]', "
            "and choose it with the environment variable KERAS_BACKEND."
        )
    if missing in _EXTRA_OF:
        return ImportError(
            f"{package} needs the package '{missing}', which is not installed. "
            f"Install it with pip install 'keras-lion[{_EXTRA_OF[missing]}]'."
        )
    return None


def _imported_by_keras(error: ModuleNotFoundError) -> bool:
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").startswith("keras."):
            return True
        traceback = traceback.tb_next
    return False


def attach_stub(
    package: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package export the names of its stub, each loaded when first used.

    The stub `__init__.pyi` is the only list of public names; `lazy_loader` reads it.

    Args:
        package: `__name__` of the package.
        file: `__file__` of the package, next to the stub.

    Returns:
        `__getattr__`, `__dir__` and `__all__` for the package.

    Example:

    ```python
    __getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
    ```
    """
    get, names, public = lazy_loader.attach_stub(package, file)

    def load(name: str) -> Any:
        if name not in public:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return get(name)
        except ModuleNotFoundError as error:
            advice = missing_package(f"{package}.{name}", error)
            if advice is None:
                raise
            raise advice from error

    return load, names, public
