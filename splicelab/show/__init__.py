"""Figures and the one widget; here each kind of result gets its picture."""

# ruff: noqa: F401, I001
from splicelab.show import bars, counterexample, fragpage, lifetime, live, message, microscope, own_trace, replay
from splicelab.show import timeline, waiting
