"""Where arrays lie in one process: by lot, so that luck differs from process to process and is in the intervals."""

import numpy as np

from splicelab._jit import Record
from splicelab.kernel.world import WORLD, reset

LINE_BYTES, HUGE_BYTES = 64, 2 << 20
PLACES_IN_MEMORY = 4


class Memory:
    """Gives arrays a place, each at a line by lot within 2 MiB.

    That is every alignment to a line, and where Linux gave a huge page every colour of a cache as well; where it gave
    small pages, their colours are chance already.
    """

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def __call__(self, size_bytes: int) -> np.ndarray:
        """Return zeroed bytes."""
        raw = np.zeros(size_bytes + 2 * HUGE_BYTES, np.uint8)
        start = -raw.ctypes.data % HUGE_BYTES + int(self.rng.integers(HUGE_BYTES // LINE_BYTES)) * LINE_BYTES
        return raw[start : start + size_bytes]

    def world(self) -> Record:
        """Return an empty machine of the model."""
        world = self(WORLD.itemsize).view(WORLD)[0]
        reset(world)
        return world
