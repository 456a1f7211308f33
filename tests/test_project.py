"""The project as a whole: its two lists of packages, its floors, its size, its words."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib

import pytest

from splicelab.paths import REPOSITORY

PACKAGE = REPOSITORY / "splicelab"
CONDA_NAMES = {"matplotlib": "matplotlib-base", "playwright": "playwright-python", "dask": "dask-core"}
FLOORS = [  # from the ground up: a module imports its own floor and those before it
    ("errors", "paths", "progress", "_parts", "_jit", "tables", "result"),
    ("kernel",),
    ("recipes",),
    ("callers",),
    ("alternatives", "own"),
    ("evidence",),
    ("show",),
    ("claims", "cli", "doctor", "__main__"),
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
GOAL_LINES, MOST_LINES, MOST_HEART_LINES = 6400, 8301, 2100  # the second, until it is the first, only falls
MODULES = sorted(PACKAGE.rglob("*.py"))
# Written as patterns that do not match themselves.
FORBIDDEN = re.compile(
    r"\.\./shar[e]d|/wor[k]/|/ro[o]t/|pypi\.or[g]|pythonhoste[d]|npmjs\.or[g]|(deb|security)\.debian\.or[g]"
    r"|https?://[^/\s]*\.(internal|corp|lan|local)\b|\b(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d+\.\d+\b"
)


def tracked_files():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    return [REPOSITORY / name for name in listing.decode().split("\0") if name and (REPOSITORY / name).is_file()]


def line_count(*paths):
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def code_lines(*paths):
    """Count lines of code: not the empty ones, nor comments, nor docstrings (which the house asks for)."""
    total = 0
    for path in paths:
        source = path.read_text(encoding="utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        lines = {n for t in tokens if t.type not in NO_CODE for n in range(t.start[0], t.end[0] + 1)}
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                lines -= set(range(node.lineno, node.end_lineno + 1))
        total += len(lines)
    return total


def floor_name(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(path):
    """Return what a module imports of splicelab, also inside its functions, as `kernel` or `show`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            full_names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = path.relative_to(REPOSITORY).with_suffix("").parts[: -node.level]
            prefix = ".".join((*base, node.module or "")).rstrip(".")
            full_names = [f"{prefix}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            full_names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in full_names if name.startswith("splicelab."))


def test_conda_and_pip_install_the_same():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pip = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    pip.append("python" + project["requires-python"])
    ours = re.findall(r"^  - ([\w-]+[<>=][^\s]*)", (REPOSITORY / "environment.yml").read_text(), re.MULTILINE)
    split = [re.fullmatch(r"([\w-]+)(.*)", item).groups() for item in pip]
    assert sorted(CONDA_NAMES.get(name, name) + bounds for name, bounds in split) == sorted(ours)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_floors_only_look_down(path):
    name = floor_name(path)
    if name == "__init__":
        assert not list(imported_names(path))
        return
    above = [other for other in imported_names(path) if other in FLOOR and FLOOR[other] > FLOOR[name]]
    assert not above, f"{path.name} imports from above: {above}"


def test_a_module_stands_on_a_known_floor():
    assert {floor_name(path) for path in MODULES} <= {"__init__", *FLOOR}


def test_the_package_can_be_read_in_an_evening(capsys):
    heart = [path for path in MODULES if floor_name(path) in {"kernel", "alternatives", "callers", "recipes"}]
    with capsys.disabled():
        print(f"\nsplicelab: {code_lines(*MODULES)} lines of code, at most {MOST_LINES}, goal {GOAL_LINES}; ", end="")
        print(f"of these kernel, alternatives and callers {code_lines(*heart)} of {MOST_HEART_LINES}")
        print(f"(with docstrings, comments and empty lines {line_count(*MODULES)} and {line_count(*heart)})")
    assert code_lines(*heart) <= MOST_HEART_LINES and code_lines(*MODULES) <= MOST_LINES


def test_no_source_file_is_longer_than_250_lines():
    sources = [path for path in tracked_files() if path.suffix in {".py", ".c", ".h", ".sh"}]
    assert not {str(path): line_count(path) for path in sources if line_count(path) > 250}


def test_importing_the_package_is_quick_because_it_loads_nothing_heavy():
    code = "import splicelab, sys; print({'numba', 'numpy', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=REPOSITORY, text=True).strip() == "set()"


def test_files_name_no_place_that_only_one_machine_has():
    for path in tracked_files():
        if path.suffix not in {".png", ".xz", ".gz"}:
            found = FORBIDDEN.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path}: {found and found.group()}"


def test_the_readme_and_the_first_notebook_list_the_notebooks_there_are():
    first, *others = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
    listed = re.findall(r"\(notebooks/(\w+\.ipynb)\)", (REPOSITORY / "README.md").read_text())
    assert listed == [first, *others]
    rows = re.findall(r"\| \[\w+\]\((\w+\.ipynb)\)", (REPOSITORY / "notebooks" / first).read_text())
    assert rows == others
