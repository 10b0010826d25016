"""Which of many options nothing else beats in everything that is compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def undominated(measures: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of an (n, k) table, less is better, that no other row matches in all and beats in one.

    Of equal rows the first stays. Rows come back by the first measure, then the next; inf is worst.
    """
    order = np.lexsort(measures.T[::-1])
    front = np.empty((0, measures.shape[1]))
    kept: list[int] = []
    for row in order:
        if not (front <= measures[row]).all(axis=1).any():
            kept.append(int(row))
            front = np.vstack((front, measures[row]))
    return np.array(kept, dtype=np.int64)
