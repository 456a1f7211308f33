"""The source of an alternative, as a notebook shows it: from the package itself, so that it is never out of date."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from splicelab import kernel
from splicelab.alternatives import BUILT_IN, FUNCTIONS, OWN
from splicelab.errors import InputError
from splicelab.evidence import counted
from splicelab.result import Result

# A page exported by nbconvert has no style for it, JupyterLab has a light and a dark one: it brings its own.
BOX = "font-family:monospace;font-size:90%;line-height:1.4;white-space:pre;overflow-x:auto;padding:.7em 1em"
PAPER = "color:#1f2328;background:#f6f8fa"
COLOURS = HtmlFormatter(style="vs", noclasses=True, nowrap=True)  # all of its colours are legible on that paper


class Source(Result):
    """A function's source, in colours as HTML; as text, the function itself."""

    html = text = ""

    def __init__(self, function: Callable):
        self.text = inspect.getsource(getattr(function, "py_func", function)).rstrip()
        coloured = highlight(self.text, PythonLexer(stripnl=False, ensurenl=False), COLOURS).rstrip()
        self.html = f'<pre style="{BOX};{PAPER}">{coloured}</pre>'


def source(name: str | Callable) -> Source:
    """Show the source of an alternative, of a kernel of the model by its name, or of the function given.

    Raises InputError for a name that is neither.

    Examples
    --------
    >>> from splicelab import source
    >>> print(source("head_of").text.splitlines()[1])
    def head_of(w, page):
    """
    known = dict(zip(BUILT_IN, FUNCTIONS, strict=True)) | OWN
    if not isinstance(name, str) or name in known:
        try:
            return Source(known[name] if isinstance(name, str) else name)
        except (TypeError, OSError):
            raise InputError(f"source: {name!r:.60} is no function with a source") from None
    for room in (kernel, counted):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            found = getattr(importlib.import_module(module.name), name, None)
            if found is not None and hasattr(found, "__code__") | hasattr(found, "py_func"):
                return Source(found)
    raise InputError(f"source: {name!r} is no alternative ({', '.join(known)}) and no kernel of the model")
