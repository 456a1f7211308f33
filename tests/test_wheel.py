"""Installed without a clone: what the wheel holds, and that its commands answer from any folder."""

import json
import os
import shutil
import subprocess
import sys
from zipfile import ZipFile

import pytest
from test_project import tracked_files

from splicelab.paths import REPOSITORY


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build a wheel from the files that git knows, unpack it, and return its names and a way to run its commands."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in tracked_files():
        copy = folder / "source" / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*build, "--disable-pip-version-check", "--wheel-dir", folder, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    site, elsewhere = folder / "site", folder / "another folder"
    elsewhere.mkdir()
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(site)

    def run(*arguments, code="from splicelab.cli import main; sys.exit(main(sys.argv[1:]))", plain="1"):
        environment = os.environ | {"PYTHONPATH": str(site), "NUMBA_DISABLE_JIT": plain, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", f"import sys; {code}", *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=300)

    run.names, run.site = names, site
    return run


def test_it_holds_the_package_and_the_data_and_nothing_else(installed):
    ours = [path.relative_to(REPOSITORY).as_posix() for path in tracked_files()]
    package = {name for name in ours if name.startswith("splicelab/")}
    data = {f"splicelab/{name}" for name in ours if name.startswith("data/")}
    assert {name for name in installed.names if ".dist-info/" not in name} == package | data
    assert len(package) > 50 and len(data) > 10


def test_compare_and_predict_answer_from_any_folder(installed, tmp_path):
    done = installed("compare", "--caller", "siw", "--payload", "4096", "--json")
    assert done.stderr == "" and len(json.loads(done.stdout)["rows"]) > 5
    given = json.loads((REPOSITORY / "tests" / "cases" / "sizes.jsonl").read_text(encoding="utf-8").splitlines()[0])
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({key: value for key, value in given.items() if key != "want"}) + "\n")
    done = installed("predict", str(path))
    assert done.stderr == "" and json.loads(done.stdout)["messages"]


def test_the_doctor_says_that_notebooks_need_a_clone(installed):
    done = installed("doctor")
    assert done.returncode == 0 and done.stderr == ""
    assert f"ok     data            {installed.site}" in done.stdout
    assert "lacks  notebooks       notebooks/ is not part of the installed package: git clone" in done.stdout


def test_the_tables_are_found_by_every_room(installed):
    code = """
from splicelab import debate, layers, load_callers, recordings
from splicelab.paths import DATA
print(len(load_callers()), len(debate("outcome")), len(layers().table), len(recordings()), DATA)"""
    done = installed(code=code)
    assert done.stderr == "" and done.stdout.split()[-1] == str(installed.site / "splicelab" / "data")
    assert all(int(count) > 0 for count in done.stdout.split()[:-1])


@pytest.mark.long
def test_live_runs_from_any_folder(installed):
    done = installed("live", "--quick", "--json", plain="0")
    assert done.returncode == 0 and json.loads(done.stdout)
