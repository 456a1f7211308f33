"""The source of an alternative, as a notebook shows it: from the package itself, so that it is never out of date."""

import inspect
from collections.abc import Callable

from splicelab.alternatives import BUILT_IN, FUNCTIONS, OWN
from splicelab.errors import InputError


class Source:
    """An alternative by its name, or any function: highlighted as markdown; as text, the function itself.

    Raises InputError for a name that is not an alternative.
    """

    def __init__(self, what: str | Callable):
        functions = dict(zip(BUILT_IN, FUNCTIONS, strict=True)) | OWN
        if isinstance(what, str) and what not in functions:
            raise InputError(f"alternative: {what!r} is not one of {', '.join(functions)}")
        function = functions[what] if isinstance(what, str) else what
        self.text = inspect.getsource(getattr(function, "py_func", function)).rstrip()

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"
