"""Rows of the CSV files of data/ and arguments of functions, checked against a schema; one line says what is wrong."""

import csv
import functools
import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError, validate_call

from splicelab.errors import InputError

Row = TypeVar("Row", bound=BaseModel)
Whole = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]  # fits every kernel, and so does its product with another
Wholes, Names = (Annotated[tuple[kind, ...], Field(min_length=1)] for kind in (Whole, str))
SPEAK_FOR_THEMSELVES = {"missing", "extra_forbidden", "field", "value_error", "too_long", "too_short"}


def read_rows(path: str | Path, row_type: type[Row]) -> list[Row]:
    """Return the rows of a CSV file, each checked against a schema; its first column names the row and is unique.

    InputError says `FILE: row N (NAME): FIELD: what is wrong`; N is the number of the row's last line in an editor.
    """
    name, first = Path(path).name, next(iter(row_type.model_fields))
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            raw = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not raw:
        raise InputError(f"{name}: no row")
    rows: dict[str, Row] = {}
    for line, row in raw:
        key = str(row.get(first))
        where = f"{name}: row {line} ({ascii(key)[1:-1]:.40})"
        if None in row or None in row.values():
            raise InputError(f"{where}: {'too many' if None in row else 'too few'} columns")
        if key in rows:
            raise InputError(f"{where}: {first}: stands twice")
        try:
            rows[key] = row_type.model_validate(row)
        except ValidationError as error:
            raise InputError(f"{where}: {first_error(error)}") from None
    return list(rows.values())


def checked(function: Callable) -> Callable:
    """Check the arguments of a function against its annotations: InputError, `ARGUMENT: what is wrong`, for others."""
    call, names = validate_call(function, config={"arbitrary_types_allowed": True}), inspect.signature(function)

    @functools.wraps(function)
    def check(*args, **given):
        names.bind(*args, **given)
        try:
            return call(**dict(zip(names.parameters, args, strict=False)), **given)
        except ValidationError as error:
            raise InputError(first_error(error, tags={"str", "dict[str,str]", "function-wrap"})) from None

    return check


def first_error(error: ValidationError, whole: str = "", tags: Collection[str] = ()) -> str:
    """Say in one line which field is wrong first, as a path without ``tags`` (names of union members), and why.

    ``whole`` names what was read, where no single field is wrong.
    """
    first = error.errors(include_url=False)[0]
    context, text = first.get("ctx", {}), first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    if first["type"] == "json_invalid":
        return f"not JSON: {context['error']}".replace(" at line 1", " at")
    places = [part for number, part in enumerate(first["loc"]) if number == 0 or part not in tags]
    parts = [part for part in (*places, context.get("field")) if part is not None]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]:.60}" for part in parts).lstrip(".")
    text = text.replace("Input should be", "must be").replace("List should", "must").replace("Tuple should", "must")
    text = {"missing": "missing", "extra_forbidden": "unknown field"}.get(first["type"], text)
    if first["type"] not in SPEAK_FOR_THEMSELVES:
        text += f", not {first['input']!r:.60}"
    return ": ".join(filter(None, (path or whole, text)))
