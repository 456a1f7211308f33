"""The decorator of all kernels, tried in real processes on a copy of it in a package of two modules."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from splicelab import _jit

CALLEE = "from mini._jit import jit\n\n@jit\ndef inner(x):\n    return x * {factor}\n"
CALLER = "from mini._jit import jit\nfrom mini.callee import inner\n\n@jit\ndef outer(x):\n    return inner(x) + 1\n"
RUN = """
import sys
from mini._jit import FOLDER
from mini.caller import outer
stats = lambda: sum(outer.stats.cache_hits.values()) if hasattr(outer, "stats") else -1
print(outer(10), stats(), FOLDER.name if FOLDER else None)
"""

DAMAGE = """
import shutil, sys
from pathlib import Path
from mini import _jit

def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)

def be_a_folder(path):
    path.unlink()
    (path / "inside").mkdir(parents=True)

def hits_afresh():
    for name in ("mini.caller", "mini.callee"):
        sys.modules.pop(name, None)
    _jit._say_once.cache_clear()
    from mini.caller import outer
    assert outer(10) == 21
    return sum(outer.stats.cache_hits.values())

damages = [flip, be_a_folder]
damages += [lambda path, data=data: path.write_bytes(data) for data in (b"", b"garbage" * 100)]
damages.append(lambda path: path.write_bytes(path.read_bytes()[:-20]))
for damage in damages:
    for suffix in ("nbi", "nbc"):
        found = list(_jit.FOLDER.rglob("*." + suffix))
        assert len(found) == 3  # both as parts, and what Python calls
        for path in found:
            damage(path)
        assert hits_afresh() == 0
        assert hits_afresh() == 1
del sys.modules["mini.caller"]
"""


@pytest.fixture
def mini(tmp_path):
    """Return a package `mini` with a copy of the decorator, and a function that runs it in a process of its own."""
    package = tmp_path / "mini"
    package.mkdir()
    shutil.copy(_jit.__file__, package / "_jit.py")
    (package / "__init__.py").touch()
    (package / "callee.py").write_text(CALLEE.format(factor=2))
    (package / "caller.py").write_text(CALLER)
    cache = tmp_path / "cache"

    def run(code=RUN, said="", **environment):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
        environment = {**plain, "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(said, done.stderr), "piped output stays clean, but for this"
        return done.stdout.split()

    run.package, run.cache = package, cache
    return run


def test_the_second_process_finds_the_kernel_and_an_edited_callee_drops_it(mini):
    assert mini()[:2] == ["21", "0"]
    assert mini()[:2] == ["21", "1"]
    (mini.package / "callee.py").write_text(CALLEE.format(factor=1000))
    assert mini()[:2] == ["10001", "0"]
    (mini.package / "callee.py").write_text(CALLEE.format(factor=2))
    assert mini()[:2] == ["21", "1"]


def test_an_edit_under_a_running_process_is_not_filed(mini):
    edit = "from pathlib import Path; p = Path('mini/callee.py'); p.write_text(p.read_text().replace('2', '1000'))"
    late = RUN.replace("from mini.caller", f"{edit}\nfrom mini.caller")
    assert mini(late)[0] == "10001"
    (mini.package / "callee.py").write_text(CALLEE.format(factor=2))
    assert mini()[:2] == ["21", "0"]


def test_settings_that_change_the_machine_code_have_their_own_folder(mini):
    folders = {mini()[2], mini(NUMBA_BOUNDSCHECK="1")[2]}
    assert len(folders) == 2


def test_without_the_jit_kernels_are_plain_functions(mini):
    assert mini(NUMBA_DISABLE_JIT="1") == ["21", "-1", "None"]
    assert not mini.cache.exists()


def test_where_nothing_can_be_written_kernels_still_run(mini, tmp_path):
    (tmp_path / "file").touch()
    assert mini(NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache")) == ["21", "0", "None"]


def test_a_read_only_package_uses_the_cache_of_the_user(mini, tmp_path):
    (mini.package / "__pycache__").touch()  # a file where the folder should be: closed even to root
    home = str(tmp_path / "home")
    assert mini(NUMBA_CACHE_DIR="", XDG_CACHE_HOME=home)[:2] == ["21", "0"]
    assert mini(NUMBA_CACHE_DIR="", XDG_CACHE_HOME=home)[:2] == ["21", "1"]


def test_what_cannot_be_read_is_dropped_with_one_line_and_compiled_again(mini):
    mini()
    told = "mini: dropped damaged files from .*; these kernels are compiled again\n"
    assert mini(DAMAGE + RUN, said=told * 10)[-3:-1] == ["21", "1"], "it has healed"


def test_where_the_disk_is_full_kernels_still_run_and_one_line_says_so(mini, small_disk):
    told = "mini: no kernel can be kept in .* \\(No space left on device\\): every process compiles anew\n"
    assert mini(said=told, NUMBA_CACHE_DIR=str(small_disk))[:2] == ["21", "0"]


def test_old_folders_are_dropped(mini):
    for factor in range(2, 9):
        (mini.package / "callee.py").write_text(CALLEE.format(factor=factor))
        mini()
    assert len(list(mini.cache.iterdir())) == _jit.KEPT_FOLDERS


def test_a_watcher_is_told_once_and_only_when_something_compiles(mini):
    watched = "import mini._jit\nmini._jit.is_watched = lambda: True\nimport sys; sys.stderr = sys.stdout\n" + RUN
    assert "compiling" in mini(watched)
    assert "compiling" not in mini(watched)


def test_a_part_is_compiled_once_and_can_print_and_raise_wherever_it_is_taken_in(mini):
    says = "    print(x)\n    if x > 10:\n        raise ValueError('over', x)\n    return"
    (mini.package / "callee.py").write_text(CALLEE.format(factor=2).replace("    return", says))
    tries = "try:\n    {}(11)\nexcept ValueError as error:\n    print(*error.args)\n"
    assert mini(RUN + tries.format("outer"))[:2] == ["10", "21"]
    assert mini(RUN + tries.format("outer"))[4:] == ["11", "over", "11"], "of the cache, and inside of another"
    alone = "from mini.callee import inner\nprint(inner(10), sum(inner.part.stats.cache_hits.values()))\n"
    assert mini(alone + tries.format("inner")) == ["10", "20", "1", "11", "over", "11"], "Python has not called it yet"


def test_a_readers_own_numba_function_takes_parts_in_as_well(mini):
    says = "    print(x)\n    if x > 10:\n        raise ValueError('over', x)\n    return"
    (mini.package / "callee.py").write_text(CALLEE.format(factor=2).replace("    return", says))
    code = """
from numba import njit
from mini.caller import outer
@njit(nogil=True)
def mine(x):
    return outer(x) + 1
print(mine(10))
try:
    mine(11)
except ValueError as error:
    print(*error.args)
"""
    edit = "import mini._jit; from pathlib import Path; p = Path('mini/callee.py'); "
    edit += "p.write_text(p.read_text().replace('* 2', '* 1000'))\n"
    assert mini(edit + code)[:2] == ["10", "10002"]
    (mini.package / "callee.py").write_text(CALLEE.format(factor=2).replace("    return", says))
    for _ in range(2):  # what was edited under a process was not filed; compiled, and of the cache
        assert mini(code) == ["10", "22", "11", "over", "11"]


def test_functions_of_elsewhere_are_not_cached_and_the_global_setting_is_left_alone():
    from numba.core import config

    before = config.CACHE_DIR

    @_jit.jit(error_model="numpy")
    def half(x):
        return 1 / x

    assert config.CACHE_DIR == before
    if not config.DISABLE_JIT:
        assert half(0) == float("inf")
        assert half.stats.cache_path is None
        assert half.targetoptions["nogil"]
    assert Path(_jit.PACKAGE).name == _jit.NAME


def test_kernels_freeze_no_constant_of_a_module_outside_the_cache_key():
    modules = {path: path.read_text(encoding="utf-8") for path in _jit.PACKAGE.rglob("*.py")}
    kernels = {path for path, source in modules.items() if "@jit" in source and path.name != "_jit.py"}
    assert len(kernels) > 20
    for path in kernels:
        for node in ast.walk(ast.parse(modules[path])):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("splicelab."):
                continue
            source = _jit.PACKAGE.parent.joinpath(*node.module.split(".")).with_suffix(".py")
            if source in modules and source not in kernels and source.name != "_jit.py":
                values = [getattr(importlib.import_module(node.module), alias.name) for alias in node.names]
                assert all(callable(value) for value in values), f"{path.name}: a constant of {node.module}"
