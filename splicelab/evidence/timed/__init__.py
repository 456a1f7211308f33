"""Timed: unit costs of this CPU, the same inside a kernel: a copy, an allocation, an atomic; never a whole message."""
