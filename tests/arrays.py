"""Tensors and variables of any backend as NumPy arrays that stay as they are."""

from typing import Any

import numpy as np
from keras import ops


def array(tensor: Any) -> np.ndarray:
    """A copy of a tensor or a variable."""
    return np.array(ops.convert_to_numpy(getattr(tensor, "value", tensor)))
