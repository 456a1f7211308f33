"""Read the CSV files of data/, each row checked against a schema."""

import csv
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from splicelab.errors import InputError

Row = TypeVar("Row", bound=BaseModel)


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
            problem = error.errors(include_url=False)[0]
            field = f"{problem['loc'][0]}: " if problem["loc"] else ""
            text = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            given = f", not {problem['input']!r:.60}" if field and problem["type"] != "value_error" else ""
            raise InputError(f"{where}: {field}{text}{given}") from None
    return list(rows.values())
