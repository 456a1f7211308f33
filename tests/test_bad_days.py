"""Bad days that are not the builder's: no home, another locale, an ordinary user, a full disk, a read-only place."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from splicelab.paths import REPOSITORY

COMPARE = ["compare", "--caller", "siw", "--payload", "4096"]


def run(arguments, environment, folder=REPOSITORY, **how):
    """Run the command line as plain Python, which needs no cache, with these variables alone."""
    environment = {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [how.pop("python", sys.executable), "-m", "splicelab", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, **how)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HOME": "/nowhere", "TERM": "dumb", "COLUMNS": "-3", "TZ": "nonsense", "PYTHONSTARTUP": "/nowhere"},
        {"HOME": "relative", "LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=str,
)
def test_every_command_answers_whatever_the_variables_say(environment):
    for arguments in (COMPARE, ["doctor"], [*COMPARE, "--profile", "ä→"]):
        done = run(arguments, environment)
        is_wrong = "ä→" in arguments
        assert done.returncode == (2 if is_wrong else 0), done.stderr
        assert done.stderr.count(b"\n") == is_wrong and b"Traceback" not in done.stderr


def readable_by_others(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def ordinary():
    """Return a clone that an ordinary user may read but not write, and a way to run its commands as that user."""
    if os.geteuid() != 0:
        pytest.skip("not root: an ordinary user runs all other tests already")
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="splicelab-ordinary-") as folder:
        clone = Path(folder)
        for name in ("splicelab", "data"):
            shutil.copytree(REPOSITORY / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        readable_by_others(clone)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        try:
            subprocess.run([sys.executable, "-c", "import numba"], cwd=clone, check=True, capture_output=True, **who)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(f"{sys.executable}: another user may not run it (it lies in somebody's home)")
        yield lambda arguments, environment: run(arguments, environment, clone, **who)


def test_an_ordinary_user_with_a_read_only_clone_and_no_home(ordinary):
    done = ordinary(COMPARE, {"HOME": "/nowhere"})
    assert (done.returncode, done.stderr) == (0, b"") and b"copy_in_stack" in done.stdout
    done = ordinary(["doctor"], {"HOME": "/nowhere", "NUMBA_DISABLE_JIT": "0"})
    assert b"lacks  cache           no writable folder, every process compiles anew" in done.stdout


@pytest.fixture
def writer():
    """Return the tool that writes notebooks, as a module."""
    spec = importlib.util.spec_from_file_location("write_notebooks", REPOSITORY / "tools" / "write_notebooks.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def test_a_full_disk_leaves_the_old_notebook_whole(small_disk, writer, monkeypatch, capsys):
    path = small_disk / "full.ipynb"
    cells = [nbformat.v4.new_code_cell("print('x' * 100_000)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    before = path.read_bytes()
    monkeypatch.setattr(sys, "argv", ["write_notebooks.py", str(path)])
    assert writer.main() == 1
    said = capsys.readouterr().err
    assert said == "full.ipynb: not written: No space left on device; it is as it was\n"
    assert path.read_bytes() == before
    assert sorted(small_disk.iterdir()) == [small_disk / "filler", path]


def test_an_interrupt_leaves_the_old_notebook_whole(tmp_path, writer, monkeypatch):
    path = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    before = path.read_bytes()
    monkeypatch.setattr(writer.os, "replace", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        writer.write(path, nbformat.v4.new_notebook())
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.long
@pytest.mark.parametrize("name", ["00_start_here", "01_slab_pages_and_lifetimes"])  # they show no timed table
def test_a_notebook_elsewhere_with_a_cold_cache_passes_strict_nbval(tmp_path, name):
    shutil.copy(REPOSITORY / "notebooks" / f"{name}.ipynb", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment = plain | {"NUMBA_CACHE_DIR": str(tmp_path / "cold")}
    done = subprocess.run([*command, tmp_path], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert list((tmp_path / "cold").rglob("*.nbc"))
