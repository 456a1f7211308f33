"""The source of an alternative, as a notebook shows it: from the package itself, so that it is never out of date."""

import inspect
from collections.abc import Callable

from splicelab.alternatives import BUILT_IN, FUNCTIONS, OWN
from splicelab.errors import InputError


class Source:
    """An alternative's own function (or any kernel given), highlighted as markdown; as text, the function itself.

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

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"
