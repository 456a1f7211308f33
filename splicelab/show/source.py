"""The source of an alternative, as a notebook shows it: from the package itself, so that it is never out of date."""

import inspect

from splicelab.alternatives import BUILT_IN, FUNCTIONS, OWN
from splicelab.errors import InputError


class Source:
    """An alternative's own function, highlighted as markdown; as text, the function itself.

    Raises InputError for a name that is not an alternative.
    """

    def __init__(self, name: str):
        functions = dict(zip(BUILT_IN, FUNCTIONS, strict=True)) | OWN
        if name not in functions:
            raise InputError(f"alternative: {name!r} is not one of {', '.join(functions)}")
        self.text = inspect.getsource(getattr(functions[name], "py_func", functions[name])).rstrip()

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"
