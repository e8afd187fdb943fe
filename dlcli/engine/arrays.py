"""Array types."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
# Of files, whose dtype is known only once they are read.
AnyArray: TypeAlias = NDArray[Any]
AnyDtype: TypeAlias = np.dtype[Any]
