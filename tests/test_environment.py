"""`make` on bad days: what it builds, when it builds it anew, and a lab among hostile settings."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from jupyter_client import BlockingKernelClient

from splicelab.paths import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make: apt install make")
STRANGE = "a folder, ä ö ü ✓"
# An interpreter that makes an environment of itself, and writes down what pip is asked for.
INTERPRETER = """#!/bin/sh
case "$*" in
    --version) echo Python 3.13.0;;
    "-m venv "*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo built >> log;;
    "-m pip install "*) echo install >> log; [ ! -e interrupt ] || { rm interrupt; kill -INT $PPID; sleep 1; };;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """Return what `make .venv/ready` needs, in a strange folder, and a way to run it there."""
    folder = tmp_path / STRANGE
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "tools/build_env.sh"):
        shutil.copy(REPOSITORY / name, folder / name)
    interpreter = folder / "python"
    interpreter.write_text(INTERPRETER)
    interpreter.chmod(0o755)

    def make(where=folder, status=0):
        done = subprocess.run(
            ["make", ".venv/ready", "PYTHON=./python"], cwd=where, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode != 0) == (status != 0), done.stderr
        log = where / "log"
        steps = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return steps

    make.folder = folder
    return make


def test_a_whole_environment_is_left_alone_and_an_older_one_refreshed(clone):
    assert clone() == ["built", "install"]
    assert clone() == []
    os.utime(clone.folder / "pyproject.toml", (time.time() + 9,) * 2)
    assert clone() == ["install"]


def test_an_interrupted_build_is_built_anew(clone):
    (clone.folder / "interrupt").touch()
    assert clone(status=2) == ["built", "install"]
    assert clone() == ["built", "install"]


def test_an_interrupted_refresh_is_built_anew(clone):
    clone()
    newer_ns = (clone.folder / ".venv" / "ready").stat().st_mtime_ns + 1  # now may be the same tick of the clock
    os.utime(clone.folder / "pyproject.toml", ns=(newer_ns, newer_ns))
    (clone.folder / "interrupt").touch()
    assert clone(status=2) == ["install"]
    assert clone() == ["built", "install"]
    assert clone() == []


def test_a_moved_or_copied_clone_is_built_anew(clone):
    clone()
    moved = clone.folder.rename(clone.folder.with_name("moved"))
    assert clone(moved) == ["built", "install"]
    assert clone(moved) == []


def test_a_python_that_has_gone_is_replaced(clone):
    clone()
    python = clone.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert clone() == ["built", "install"]


def test_without_a_python_it_says_what_to_install(clone):
    (clone.folder / "python").unlink()
    command = ["make", ".venv/ready", "PYTHON=./python"]
    done = subprocess.run(command, cwd=clone.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "No Python 3.11 or newer" in done.stderr and "apt install python3" in done.stderr


@contextmanager
def lab(folder: Path, environment: dict, *arguments: str):
    """Run `make lab` and yield its address and token; then end it as Ctrl-C does."""
    command = ["make", "lab", f"LAB_ARGS={' '.join(('--no-browser', *arguments))}"]
    with open(folder / "lab.log", "w+b") as log:
        made = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline, found, listens = time.monotonic() + 90, None, False
            while not listens and made.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
                said = (folder / "lab.log").read_text()
                found = re.search(r"http://127\.0\.0\.1:(\d+)/lab/tree/\S+\?token=(\w+)", said)
                if found:  # Jupyter says its address some moments before it listens there
                    with socket.socket() as caller:
                        listens = caller.connect_ex(("127.0.0.1", int(found[1]))) == 0
            assert listens, said
            yield found.groups()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(made.pid, signal.SIGTERM)
            made.wait(30)


@pytest.fixture
def hostile(tmp_path):
    """Return the environment variables of somebody whose Python and Jupyter are full of other things."""
    home, junk = tmp_path / "home", tmp_path / "junk"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import sys; sys.modules['splicelab'] = None; raise SystemExit('junk')")
    foreign = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "another", "language": "python"}
    for kernels in (home / ".local" / "share" / "jupyter" / "kernels", junk / "kernels"):
        (kernels / "python3").mkdir(parents=True)
        (kernels / "python3" / "kernel.json").write_text(json.dumps(foreign))
    for name in ("numpy", "jupyterlab", "splicelab"):
        (junk / f"{name}.py").write_text("raise ImportError('junk')")
    (junk / "start.py").write_text("raise SystemExit('junk')")
    return {
        **{"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C", "LC_ALL": "C"},
        **{"PYTHONPATH": str(junk), "PYTHONSTARTUP": str(junk / "start.py"), "PYTHONHOME": "/nowhere"},
        **{"JUPYTER_PATH": str(junk), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")},
    }


def borrow_environment(folder: Path) -> None:
    """Make .venv of a folder out of links to this one, as if it had been built there."""
    prefix = Path(sys.prefix)
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(prefix / "pyvenv.cfg", folder / ".venv")
    for name in ("lib", "share", "etc"):
        (folder / ".venv" / name).symlink_to(prefix / name)
    (folder / ".venv" / "bin" / "python").symlink_to(Path(sys.executable))
    (folder / ".venv" / "ready").write_text(f"{folder.resolve()}\n")


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not in a .venv: make lab would build one")
def test_a_lab_in_a_strange_folder_among_hostile_settings_on_a_taken_port(tmp_path, hostile):
    folder = tmp_path / STRANGE
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "tools/build_env.sh"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(REPOSITORY / "notebooks", folder / "notebooks")
    borrow_environment(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with lab(folder, hostile, f"--ServerApp.port={port}") as (found, token):
            assert int(found) != port

            def ask(path, data=None):
                request = Request(f"http://127.0.0.1:{found}/api/{path}", data, {"Authorization": f"token {token}"})
                return json.load(urlopen(request, timeout=60))

            assert ask("contents/notebooks/00_start_here.ipynb?content=0")["type"] == "notebook"
            kernel = ask("kernels", b'{"name": "python3"}')["id"]
            client = BlockingKernelClient(connection_file=str(tmp_path / "runtime" / f"kernel-{kernel}.json"))
            client.load_connection_file()
            client.hb_channel.time_to_dead = 60  # a busy machine's kernel may not answer within a second
            client.start_channels()
            said = []
            client.wait_for_ready(timeout=60)
            code = """if True:
                import sys
                from splicelab import _jit, load_callers
                from splicelab.kernel.memory import alloc_block
                from splicelab.kernel.world import new_world
                alloc_block(new_world(), 1, 1)
                print(len(load_callers()), sys.prefix, _jit.FOLDER)
            """
            client.execute_interactive(code, timeout=120, output_hook=lambda message: said.append(message["content"]))
            client.stop_channels()
    text = "".join(content.get("text", "") for content in said)
    assert str(folder / ".venv") in text and str(folder / "build" / "numba") in text, said
    assert list((folder / "build" / "numba").rglob("*.nbc"))
