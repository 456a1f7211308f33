"""Link each word of the glossary where a notebook first uses it, with its meaning as the link's title.

Run it after editing prose; twice in a row changes nothing. ``--check`` writes nothing and names what it would change.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
PLACE = "#words-of-this-workbook"
LINKED = re.compile(rf'\[([^\]]+)\]\([\w.]*{PLACE} "[^"]*"\)')
# Where no link may stand: code, headings, links, tags, the line below a table's head. A whole `word` may be one.
KEPT = re.compile(
    r"```.*?```|`[^`]*`|^#[^\n]*$|!?\[[^\]]*\]\([^)]*\)|<[^>]+>|^\|[-:| ]+$|^ {4}[^\n]*$", re.MULTILINE | re.DOTALL
)


def glossary() -> list[tuple[re.Pattern, str, list[re.Pattern]]]:
    """Return a pattern of the forms of each word, in or out of code, its meaning, and patterns of forms around it."""
    with open(ROOT / "data" / "glossary.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    every = [form for row in rows for form in row["forms"].split(";")]
    words = []
    for row in rows:
        own = sorted(row["forms"].split(";"), key=len, reverse=True)
        forms = "|".join(map(form_pattern, own))
        word = re.compile(rf"`(?:{forms})(?:\(\))?`|(?<![\w`/.>-])(?:{forms})(?![\w`/]|[.-]\w)")
        around = [re.compile(form_pattern(form)) for form in every if form not in own and word.search(form)]
        words.append((word, row["meaning"], around))
    return words


def form_pattern(form: str) -> str:
    """Return a pattern of a word, at the beginning of a sentence too."""
    first = f"[{form[0]}{form[0].upper()}]" if form[0].islower() and "_" not in form else re.escape(form[0])
    return first + re.escape(form[1:])


def is_free(use: re.Match, kept: list[tuple[int, int]]) -> bool:
    """Return whether a link may stand here."""
    return all(use.end() <= start or end <= use.start() or use.span() == (start, end) for start, end in kept)


def linked(cells: list, stem: str) -> list[str]:
    """Return the sources of a notebook's cells with each word linked at its first use, and nowhere else."""
    target = PLACE if stem.startswith("00") else f"00_start_here.ipynb{PLACE}"
    sources = [LINKED.sub(r"\1", cell.source) if cell.cell_type == "markdown" else cell.source for cell in cells]
    for word, meaning, around in glossary():
        for number, (cell, source) in enumerate(zip(cells, sources, strict=True)):
            if cell.cell_type != "markdown":
                continue
            kept = [found.span() for pattern in (KEPT, *around) for found in pattern.finditer(source)]
            if use := next((use for use in word.finditer(source) if is_free(use, kept)), None):
                link = f'[{use[0]}]({target} "{meaning}")'
                sources[number] = source[: use.start()] + link + source[use.end() :]
                break
    return sources


def main() -> int:
    """Link the words of the notebooks named on the command line, or of all; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; name the cells that would change")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    arguments = parser.parse_args()
    changed = []
    for path in arguments.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        sources = linked(notebook.cells, path.stem)
        here = [cell.id for cell, source in zip(notebook.cells, sources, strict=True) if cell.source != source]
        changed += [f"{path.stem}: {name}" for name in here]
        for cell, source in zip(notebook.cells, sources, strict=True):
            cell.source = source
        if here and not arguments.check:
            path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    print("\n".join(changed), file=sys.stderr if arguments.check else sys.stdout)
    return int(arguments.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
