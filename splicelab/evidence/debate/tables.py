"""The debate as tables: claims and evidence, positions, what happened later, lines of code; every row has its link."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BeforeValidator, ConfigDict, Field, create_model

from splicelab.errors import one_of
from splicelab.paths import data_path
from splicelab.tables import read_rows


def _like(pattern: str):
    """Return a type of text that matches a pattern from end to end."""
    return Annotated[str, Field(pattern=f"^({pattern})$")]


_Text = Annotated[str, Field(min_length=1)]
_Count = Annotated[Annotated[int, Field(ge=0, lt=1 << 31)] | None, BeforeValidator(lambda text: text or None)]
_Day = _like(r"20\d\d-[01]\d(-[0-3]\d)?")
_Link = _like(r"https://(lore|git)\.kernel\.org/\S+")
_Claims = _like(r"(C([1-9]|1[0-4])( C([1-9]|1[0-4]))*)?")
_Names = _like(r"([a-z_]+( [a-z_]+)*)?")
_Trigger = Literal["slab", "caller_frag", "caller_check", "core", "none"]
_Alternative = Literal["copy_in_stack", "piecewise", "three_calls", "fix_callers"]

# The columns of each table; the first names the row and becomes the index.
_TABLES = {
    # A claim of the thread in our words, how it can be tested, and the numbers of the notebooks that do.
    "claims": {
        "id": _like(r"C\d+"), "who": _Text, "date": _Day, "link": _Link, "claim": _Text, "test": _Text,
        "notebooks": _like(r"(\d\d( \d\d)*)?"), "verdict": Literal["supported", "refuted", "depends"],
        "boundary": _Text, "rests_on": _like(r"[a-z]+( [a-z]+)*"),
    },
    # A piece of evidence for a claim: its kind, what it says, and the call that shows it and is then True.
    "evidence": {
        "id": _like(r"C\d+[a-z]"), "kind": Literal["counted", "orders", "timed", "live", "recorded", "history"],
        "says": _Text, "call": _Text,
    },
    # What one mail argues for, in our words, and the claims it bears on.
    "thread": {
        "id": _like(r"M\d+"), "author": _Text, "date": _Day, "link": _Link, "position": _Text, "claims": _Claims,
    },
    # A later change or bug, what set it off (slab memory, the caller's own fragments or checks, the core), which
    # alternatives would have avoided or caused it, and, where the model can run it, what a call shows of it.
    "outcome": {
        "event": _Text, "date": _Day, "release": _like(r"(6\.\d+)?"), "commits": _like("([0-9a-f]{12} ?)*"),
        "files": _Text, "kind": Literal["merge", "change", "fix"], "trigger": _Trigger, "cause": _Text,
        "claims": _Claims, "link": _Link, "avoided_by": _Names, "caused_by": _Names, "shown": str, "run": str,
    },
    # A word of the workbook, the forms in which it is used, and its meaning.
    "glossary": {
        "word": _Text, "about": Literal["memory", "message", "sending", "senders", "ways"], "forms": _Text,
        "meaning": _like(r'[^"()|]+\.'),
    },
    # What an alternative asks of the core and of each caller, in lines of code, from least to most where it is assumed.
    "choices": {
        "alternative": _Text, "core_lines": _Count, "core_lines_most": _Count, "caller_lines": _Count,
        "caller_lines_most": _Count, "others_checks": _Count, "source": _Text,
    },
    # Lines of a change as posted; insertions and deletions are empty where only their sum is known.
    "lines_of_code": {
        "key": _Text, "what": _Text, "alternative": _Alternative, "version": _Text, "insertions": _Count,
        "deletions": _Count, "changed": _Count, "files": _Count, "link": _Link, "note": str,
    },
}  # fmt: skip


def debate(name: str) -> pd.DataFrame:
    """Return data/NAME.csv as a table in the file's order; InputError names file, row and field.

    Names are claims, evidence, thread, outcome, choices, lines_of_code and glossary.

    Examples
    --------
    >>> from splicelab import debate
    >>> debate("claims").loc["C9", "who"]
    'Jakub Kicinski'
    """
    path = data_path(f"{one_of('table', name, _TABLES)}.csv")
    return _read(name, path, path.stat().st_mtime_ns if path.exists() else 0).copy()


@cache
def _read(name: str, path: Path, changed_ns: int) -> pd.DataFrame:
    """Read a table; a decision asks for the same ones hundreds of times."""
    columns = _TABLES[name]
    fields = {key: (kind, ...) for key, kind in columns.items()}
    row_type = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    rows = [row.model_dump() for row in read_rows(path, row_type)]
    counts = {key: "Int64" for key, kind in columns.items() if kind is _Count}
    return pd.DataFrame(rows).astype(counts).set_index(next(iter(columns)))


def count_fixes(outcome: pd.DataFrame) -> pd.DataFrame:
    """Return by alternative how many fixes among rows of "outcome" it would have avoided, and how many caused."""
    fixes = outcome[outcome.kind == "fix"]
    sides = {side: Counter(" ".join(fixes[side]).split()) for side in ("avoided_by", "caused_by")}
    return pd.DataFrame(sides).sort_index().fillna(0).astype(int).rename_axis("alternative")
