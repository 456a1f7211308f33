"""Rows of the CSV files of data/ and arguments of functions, checked against a schema; one line says what is wrong."""

import csv
import functools
import inspect
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, validate_call

from splicelab.errors import InputError
from splicelab.paths import data_path

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


class Column(BaseModel):
    """A column of a table of data/ (TABLE.COLUMN), the pattern of its cells from end to end, and what they say."""

    column: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$")]
    pattern: re.Pattern[str]
    says: Annotated[str, Field(min_length=1)]

    @property
    def cell(self):
        """Return the type of a cell: text, or where it may be "1" and no letter a whole number, None if empty."""
        text = Annotated[str, Field(pattern=f"^({self.pattern.pattern})$")]
        is_number = self.pattern.fullmatch("1") and not self.pattern.fullmatch("x")
        return Annotated[text, AfterValidator(lambda digits: int(digits) if digits else None)] if is_number else text


def read_table(path: Path) -> dict[str, BaseModel]:
    """Return the rows, by name, of a CSV file whose columns stand in data/columns.csv; InputError as `read_rows`."""
    start = f"{path.stem}."
    columns = [row for row in read_rows(data_path("columns.csv"), Column) if row.column.startswith(start)]
    fields = {row.column.removeprefix(start): (row.cell, ...) for row in columns}
    rows = read_rows(path, create_model(path.stem, __config__=ConfigDict(extra="forbid"), **fields))
    return {getattr(row, next(iter(fields))): row for row in rows}


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
    text = re.sub("(List|Tuple|String) should", "must", text.replace("Input should be", "must be"))
    text = {"missing": "missing", "extra_forbidden": "unknown field"}.get(first["type"], text)
    if first["type"] not in SPEAK_FOR_THEMSELVES:
        text += f", not {first['input']!r:.60}"
    return ": ".join(filter(None, (path or whole, text)))
