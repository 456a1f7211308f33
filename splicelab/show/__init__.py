"""Figures and the one widget; here each kind of result gets its picture."""

from splicelab.show import (  # noqa: F401
    bars,
    counterexample,
    fragpage,
    lifetime,
    live,
    message,
    microscope,
    timeline,
    waiting,
)
