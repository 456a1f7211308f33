"""The kernels against the same work in C, as ratios from one run."""
