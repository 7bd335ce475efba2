"""What both sides know."""

import numpy as np

seen = []


def target(partition: int, size: int) -> np.ndarray:
    return np.full(size, partition, np.float32)
