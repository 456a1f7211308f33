"""Figures and the one widget; here each kind of result gets its picture."""

from importlib import import_module

for _name in "bars cost counterexample decision fragpage lifetime live message microscope recorded timeline".split():
    import_module(f"{__name__}.{_name}")
