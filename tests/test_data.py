"""data/: every fact has a source, every table its schema, and the arithmetic holds."""

import csv
import json
import re

import pytest

from splicelab import tables as checked_tables
from splicelab.errors import InputError
from splicelab.evidence.debate import tables
from splicelab.evidence.debate.tables import debate
from splicelab.paths import DATA, REPOSITORY
from splicelab.tables import Column, read_rows

NAMES = ["claims", "thread", "outcome", "lines_of_code", "columns"]
CLAIMS = [f"C{number}" for number in range(1, 15)]


def test_all_claims_are_there_and_name_notebooks():
    claims = debate("claims")
    assert list(claims.index) == CLAIMS
    there = {path.name[:2] for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert set(" ".join(claims["notebooks"]).split()) <= there
    assert claims["link"].str.contains("lore.kernel.org/netdev/").all()


def test_a_claim_names_every_notebook_that_gives_a_verdict_on_it():
    named = debate("claims")["notebooks"]
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for claim in set(re.findall(r"^\| \**(C\d+)\b", prose, re.MULTILINE)):
            assert path.name[:2] in named[claim], f"{path.name} has a verdict on {claim}"


def test_positions_and_events_are_in_order_and_speak_to_claims():
    for name in ("thread", "outcome"):
        table = debate(name)
        assert table["date"].str[:7].is_monotonic_increasing  # some days are not known
        assert set(" ".join(table["claims"]).split()) <= set(CLAIMS)
    said = set(" ".join(debate("thread")["claims"]).split())
    assert said == set(CLAIMS), "a claim that nobody in the thread makes"


def test_lines_of_code_add_up():
    lines = debate("lines_of_code")
    both = lines.dropna(subset=["insertions"])
    assert (both["insertions"] + both["deletions"] == both["changed"]).all()
    net = both["insertions"] - both["deletions"]
    assert net["series_v2"] == 547 - 1063 == -516
    assert net["series_v5"] == 230 - 748 == -518
    assert lines["changed"].notna().all()


def test_later_bugs_by_what_set_them_off():
    fixes = debate("outcome").query("kind == 'fix'")
    assert fixes["trigger"].value_counts().to_dict() == {"core": 4, "slab": 3, "caller_frag": 3, "caller_check": 5}


@pytest.mark.parametrize("name", NAMES)
def test_tables_hold_no_loose_space_and_no_quoted_mail(name):
    with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert all(cell == cell.strip() and "\n" not in cell for cell in cells)
    assert not any(re.match(r"\s*>", cell) for cell in cells)


@pytest.mark.parametrize(
    ("name", "column", "value", "said"),
    [
        ("claims", "date", "June", "claims.csv: row 2 (C1): date: "),
        ("claims", "link", "https://example.org", "claims.csv: row 2 (C1): link: "),
        ("claims", "notebooks", "1", "claims.csv: row 2 (C1): notebooks: "),
        ("thread", "claims", "C15", "thread.csv: row 2 (M1): claims: "),
        ("thread", "claims", "C1 ", "thread.csv: row 2 (M1): claims: "),
        (
            "outcome",
            "trigger",
            "gremlin",
            "outcome.csv: row 2 (splice_to_socket and large pipe buffers): trigger: must match pattern "
            "'^(slab|caller_frag|caller_check|core|none)$', not 'gremlin'",
        ),
        ("outcome", "commits", "abc", "outcome.csv: row 2 (splice_to_socket and large pipe buffers): commits: "),
        ("lines_of_code", "insertions", "-3", "lines_of_code.csv: row 2 (core_v3): insertions: "),
        ("claims", "who", "", "claims.csv: row 2 (C1): who: "),
        ("lines_of_code", "insertions", "few", "lines_of_code.csv: row 2 (core_v3): insertions: "),
    ],
)
def test_malformed_row_is_one_line_with_file_row_and_field(tmp_path, monkeypatch, name, column, value, said):
    with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[0][column] = value
    with open(tmp_path / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.setattr(tables, "data_path", lambda part: tmp_path / part)
    with pytest.raises(InputError) as caught:
        debate(name)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_every_column_stands_in_its_table_and_every_table_has_all_of_its_columns():
    said = [row.column for row in read_rows(DATA / "columns.csv", Column)]
    there = []
    for name in dict.fromkeys(column.partition(".")[0] for column in said):
        with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
            there += [f"{name}.{column}" for column in next(csv.reader(file))]
    assert said == there and {column.partition(".")[0] for column in said} >= set(tables.TABLES)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("claims.id,C(,a claim", "columns.csv: row 2 (claims.id): pattern: must be a valid regular expression"),
        ("claims,.+,a claim", "columns.csv: row 2 (claims): column: must match pattern"),
        ("claims.id,.+,", "columns.csv: row 2 (claims.id): says: must have at least 1 character"),
        ("claims.id,.+,a claim", "claims.csv: row 2 (C1): who: unknown field"),
    ],
)
def test_a_malformed_column_is_one_line_too(tmp_path, monkeypatch, row, said):
    (tmp_path / "columns.csv").write_text(f"column,pattern,says\n{row}\n")
    monkeypatch.setattr(checked_tables, "data_path", lambda part: tmp_path / part)
    with pytest.raises(InputError) as caught:
        checked_tables.read_table(DATA / "claims.csv")
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_readme_names_every_file():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for path in DATA.rglob("*.csv"):
        assert path.name in readme, path.name
