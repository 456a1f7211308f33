"""The debate as tables: claims and evidence, positions, what happened later, lines of code; every row has its link."""

from collections import Counter
from functools import cache
from pathlib import Path

import pandas as pd

from splicelab.errors import one_of
from splicelab.paths import data_path
from splicelab.tables import read_table

TABLES = ("claims", "evidence", "thread", "outcome", "glossary", "choices", "lines_of_code")


def debate(name: str) -> pd.DataFrame:
    """Return data/NAME.csv as a table in the file's order; InputError names file, row and field.

    Names are claims, evidence, thread, outcome, choices, lines_of_code and glossary; data/columns.csv says what their
    columns mean.

    Examples
    --------
    >>> from splicelab import debate
    >>> debate("claims").loc["C9", "who"]
    'Jakub Kicinski'
    """
    path = data_path(f"{one_of('table', name, TABLES)}.csv")
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0).copy()


@cache
def _read(path: Path, changed_ns: int) -> pd.DataFrame:
    """Read a table; a decision asks for the same ones hundreds of times."""
    table = pd.DataFrame(map(dict, read_table(path).values()))
    return table.astype(dict.fromkeys(table.select_dtypes("number"), "Int64")).set_index(table.columns[0])


def count_fixes(outcome: pd.DataFrame) -> pd.DataFrame:
    """Return by alternative how many fixes among rows of "outcome" it would have avoided, and how many caused."""
    fixes = outcome[outcome.kind == "fix"]
    sides = {side: Counter(" ".join(fixes[side]).split()) for side in ("avoided_by", "caused_by")}
    return pd.DataFrame(sides).sort_index().fillna(0).astype(int).rename_axis("alternative")
