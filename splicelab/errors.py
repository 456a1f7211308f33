"""The one exception for input that a reader can mend."""


class InputError(ValueError):
    """Input that cannot be used; the message is one line that names file, line or row, and field."""
