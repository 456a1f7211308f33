"""splicelab: where should slab data be copied for sendmsg(MSG_SPLICE_PAGES)? Read, tweak, measure, decide.

A notebook needs `from splicelab import ...`; an alternative of your own `from splicelab.own import ...`. Everything
else is inside and may change. docs/map.md lists the names, and says where each part stands.
"""

import importlib

import lazy_loader

__version__ = "0.1.0"
# Nothing is loaded before a name is asked for: the command line's answers do not wait for pictures.
_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str):
    """Load a name that __init__.pyi lists, after all pictures have been attached to their results."""
    if name in __all__:
        importlib.import_module(f"{__name__}.show")
    return _find(name)
