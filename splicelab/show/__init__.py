"""Figures and the one widget; here each kind of result gets its picture."""

# ruff: noqa: F401
from splicelab.show import (
    bars,
    cost,
    counterexample,
    decision,
    fragpage,
    lifetime,
    live,
    message,
    microscope,
    recorded,
    timeline,
)
