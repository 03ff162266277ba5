"""Where a study ran: versions, backend and device, without names of hosts or paths."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from keras_lion.tuning import backend

PACKAGES = ("keras-lion", "keras", "keras-tuner", "numpy", "tensorflow", "jax")
# What can change the numbers of a run. The commit is recorded without a warning.
DECISIVE = ("python", "backend", "device")


class EnvironmentChangedWarning(UserWarning):
    """A folder is gone on with on other software or another device."""


def environment() -> dict[str, Any]:
    """Versions, backend, device, commit."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "backend": backend.check_backend(),
        "device": backend.device_name(),
        **_commit(),
    }


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What can change the numbers of a run, as `name old → new`."""
    pairs = [(name, before.get(name), now.get(name)) for name in DECISIVE]
    old, new = before.get("packages", {}), now.get("packages", {})
    pairs += [(name, old.get(name), new.get(name)) for name in {**old, **new}]
    return [f"{name} {one} → {other}" for name, one, other in pairs if one != other]


def with_history(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The present environment, with the data and the earlier ones of its folder."""
    past = {k: v for k, v in before.items() if k not in ("data", "earlier")}
    earlier = list(before.get("earlier", []))
    if past and past != now and past not in earlier:
        earlier.append(past)
    return {**now, "data": before.get("data", {}), "earlier": earlier}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> dict[str, Any]:
    checkout = Path(__file__).resolve().parents[3]
    if not (checkout / ".git").exists():
        return {"commit": None, "modified": None}
    try:
        commit = _git(checkout, "rev-parse", "HEAD").strip()
        modified = bool(_git(checkout, "status", "--porcelain", "--", "keras_lion"))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "modified": None}
    return {"commit": commit, "modified": modified}


def _git(checkout: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout
