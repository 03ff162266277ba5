"""The device that is measured: its name, driver, versions and memory."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import version
from typing import Any


def environment() -> dict[str, Any]:
    """Device, driver and versions, without names of hosts or paths."""
    import jax

    from keras_lion.tuning.sweep.environment import environment

    device = jax.local_devices()[0]
    found = environment()
    return {
        "device": found["device"],
        "devices": jax.local_device_count(),
        "platform": device.platform,
        "platform_version": " ".join(str(device.client.platform_version).split()),
        "driver": _driver(),
        "memory": memory("bytes_limit"),
        "python": found["python"],
        "system": found["system"],
        "packages": {k: v for k, v in found["packages"].items() if v} | _jaxlib(),
        "commit": found["commit"],
        "modified": found["modified"],
    }


def folder_name(device: str) -> str:
    """A device's name as that of a folder: `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-") or "unknown"


def memory(name: str) -> int | None:
    """A number of the device's own account of its memory; None where it keeps none."""
    import jax

    statistics = jax.local_devices()[0].memory_stats() or {}
    return int(statistics[name]) if name in statistics else None


def forget() -> None:
    """Drop compiled programs and models: the next measurement has the memory."""
    from studies.performance import sweep_anchor

    sweep_anchor.forget()


def _driver() -> str | None:
    """The version of NVIDIA's driver; None without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split("\n")[0].strip() or None


def _jaxlib() -> dict[str, str]:
    return {"jaxlib": version("jaxlib")}
