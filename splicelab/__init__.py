"""splicelab: where should slab data be copied for sendmsg(MSG_SPLICE_PAGES)? Read, tweak, measure, decide.

A notebook needs `from splicelab import ...`; an alternative of your own `from splicelab.own import ...`. Everything
else is inside and may change. docs/map.md lists the names, and says where each part stands.
"""

import importlib

import lazy_loader

__version__ = "0.1.0"
# Nothing is loaded before a name is asked for: the command line's answers do not wait for pictures.
_NAMES = {
    "callers": ("load_callers",),
    "evidence.counted.compare": ("compare",),
    "evidence.counted.fragments": ("fill", "shoot_out"),
    "evidence.counted.layers": ("layers",),
    "evidence.counted.lifetimes": ("life", "lives", "lives_by_delay"),
    "evidence.counted.matrix": ("matrix",),
    "evidence.counted.message": ("trace_message",),
    "evidence.counted.patterns": ("observe",),
    "evidence.counted.pinned": ("pinned",),
    "evidence.counted.predict": ("predict",),
    "evidence.counted.run": ("run",),
    "evidence.counted.sweep": ("sweep",),
    "evidence.counted.timeline": ("timeline",),
    "evidence.counted.waiting": ("held_until_ack",),
    "evidence.debate.tables": ("debate",),
    "evidence.orders.programs": ("search_orders",),
    "evidence.recorded.recordings": ("recordings",),
    "evidence.timed.unit_costs": ("unit_costs",),
    "show.check": ("check",),
    "show.explorer": ("explore",),
    "show.glossary": ("words",),
    "show.grid": ("grid",),
    "show.message_explorer": ("explore_message",),
    "show.plot": ("plot",),
    "show.source": ("source",),
}
_find, __dir__, __all__ = lazy_loader.attach(__name__, ["own"], _NAMES)


def __getattr__(name: str):
    """Load a name, after all pictures have been attached to their results."""
    if any(name in names for names in _NAMES.values()):
        importlib.import_module(f"{__name__}.show")
    return _find(name)
