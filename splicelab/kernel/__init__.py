"""The model: memory, fragments, skbs and the TCP send path, as numba kernels on plain arrays."""
