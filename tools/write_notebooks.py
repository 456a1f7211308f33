"""The one writer of notebooks: run each in a fresh kernel and store what a reader should see.

``--check`` writes nothing and reports where counted or recorded text differs from what is stored.
"""

import argparse
import copy
import difflib
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TIMED = ("timed:", "estimated:", "environment:", "live:")
CELL_TIMEOUT_S = 600


def execute(notebook: nbformat.NotebookNode, folder: Path, **hooks) -> None:
    """Run all cells in a fresh kernel started in `folder`; raise at the first error, also where a tag allows it.

    ``hooks`` are those of nbclient.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        force_raise_errors=True,
        extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # its own log is for its makers
        **hooks,
    ).execute()


def clean(notebook: nbformat.NotebookNode) -> list[str]:
    """Drop what differs from run to run: widget state and views, timing, versions; return what went to stderr."""
    language = {key: value for key, value in notebook.metadata.get("language_info", {}).items() if key != "version"}
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": language})
    complaints = []
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("jupyter", "tags") if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        complaints += [output.text for output in cell.outputs if output.get("name") == "stderr"]
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
            output.get("metadata", {}).pop(WIDGET_VIEW, None)
    return complaints


def counted_text(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the stored text that must not differ from run to run, line by line, under its cell's id."""
    lines = []
    for cell in notebook.cells:
        lines.append(f"cell {cell.id}")
        for output in cell.get("outputs", []):
            data = {"stdout": output.get("text", ""), **output.get("data", {})}
            timed = data.get("text/plain", "").startswith(TIMED)
            for kind in sorted(data):
                if kind == "stdout" or (kind.startswith("text/") and not (timed and kind == "text/html")):
                    lines += data[kind].splitlines()
    return lines


def write(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Replace the file in one step, so that a reader never sees half a notebook."""
    nbformat.validate(notebook)
    new = path.with_suffix(".ipynb.new")
    try:
        new.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def rewrite(path: Path, is_check: bool) -> bool:
    """Rerun one notebook, then write it or compare it; return whether all is well."""
    stored = nbformat.read(path, as_version=4)
    fresh = copy.deepcopy(stored)
    started = time.perf_counter()
    try:
        execute(fresh, path.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path.name}: not written, a cell fails: {str(error).strip()}", file=sys.stderr)
        return False
    for text in filter(None, map(str.strip, clean(fresh))):  # a progress bar wipes itself away
        print(f"{path.name}: standard error, not stored: {text}", file=sys.stderr)
    print(f"{path.name}: ran in {time.perf_counter() - started:.1f} s")
    if not is_check:
        try:
            write(path, fresh)
        except OSError as error:
            print(f"{path.name}: not written: {error.strerror}; it is as it was", file=sys.stderr)
            return False
        return True
    difference = list(
        difflib.unified_diff(counted_text(stored), counted_text(fresh), "stored", "now", n=1, lineterm="")
    )
    print("\n".join(difference), end="\n" if difference else "", file=sys.stderr)
    return not difference


def main() -> int:
    """Rewrite the notebooks named on the command line, or all; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; report differing counted text")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    arguments = parser.parse_args()
    paths = arguments.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        if not path.is_file():
            parser.error(f"{path}: no such notebook")
    done = []
    for number, path in enumerate(paths, 1):
        print(f"{number} of {len(paths)}: ", end="", flush=True)
        done.append(rewrite(path.resolve(), arguments.check))
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
