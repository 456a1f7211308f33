"""The source of an alternative, as a notebook shows it: from the package itself, so that it is never out of date."""

import inspect
from collections.abc import Callable
from html import escape
from itertools import groupby

from pygments import token
from pygments.lexers import PythonLexer

from splicelab.alternatives import BUILT_IN, FUNCTIONS, OWN
from splicelab.errors import InputError

# A page exported by nbconvert has no style for it, JupyterLab has a light and a dark one: it brings its own.
BOX = "font-family:monospace;font-size:90%;line-height:1.4;white-space:pre;overflow-x:auto;padding:.7em 1em"
PAPER = "color:#1f2328;background:#f6f8fa"
INK = {
    token.Keyword: "#a0111f",
    token.Operator.Word: "#a0111f",
    token.String: "#0a3069",
    token.Comment: "#57606a",
    token.Number: "#0550ae",
    token.Name.Decorator: "#6639ba",
    token.Name.Function: "#6639ba",
}


class Source:
    """An alternative's own function (or any kernel given), in colours as HTML; as text, the function itself.

    Raises InputError for a name that is not an alternative.
    """

    def __init__(self, name: str | Callable):
        functions = dict(zip(BUILT_IN, FUNCTIONS, strict=True)) | OWN
        if not callable(name) and name not in functions:
            raise InputError(f"alternative: {name!r} is not one of {', '.join(functions)}")
        function = name if callable(name) else functions[name]
        self.text = inspect.getsource(getattr(function, "py_func", function)).rstrip()

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(self.text)
        parts = []
        for ink, run in groupby(tokens, lambda pair: _ink(pair[0])):
            text = escape("".join(text for _, text in run))
            parts.append(f'<span style="color:{ink}">{text}</span>' if ink else text)
        return f'<pre style="{BOX};{PAPER}">{"".join(parts)}</pre>'


def _ink(kind) -> str:
    """Return the colour of a kind of token, or "" for that of the text."""
    return next((colour for family, colour in INK.items() if kind in family), "")
