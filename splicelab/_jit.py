"""The one decorator of all kernels: compiled once, filed under a hash of the sources.

Numba files machine code by the function's own source file, so a kernel stays stale when a function that it calls
is edited in another module. Here the folder is named after the sources of *all* modules that have kernels, so an edit
of any of these starts afresh, and an edit of a picture does not. Each file ends with its checksum: what a full disk or
a crash left is compiled again, not run.
"""

import functools
import hashlib
import inspect
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numba
import numpy as np
from numba.core import caching, config, errors, types

from splicelab._parts import parts, place
from splicelab.progress import is_watched, no_collector

PACKAGE = Path(__file__).resolve().parent
NAME = PACKAGE.name
KEPT_FOLDERS = 4
COMPILE_S = 30


def sources_key(part: bytes = b"@jit") -> str:
    """Return a hash of the modules that hold these bytes (by default, of kernels) and of the settings of numba."""
    digest = hashlib.sha256(repr((config.BOUNDSCHECK, config.OPT, config.DEBUGINFO_DEFAULT)).encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if part in source or path.name in ("_jit.py", "_parts.py"):
            digest.update(f"\0{path.relative_to(PACKAGE)}\0".encode() + source)
    return digest.hexdigest()[:16]


def _open_folder(key: str) -> Path | None:
    """Return a writable cache folder for these sources, or None: then kernels live as long as the process."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "numba"
    for parent in [Path(config.CACHE_DIR)] if config.CACHE_DIR else [PACKAGE / "__pycache__", user]:
        folder = parent / f"{NAME}-{key}"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)
            _prune(parent)
            return folder
    return None


def _prune(parent: Path) -> None:
    """Drop the folders of older sources, all but the most recently used."""
    folders = sorted(parent.glob(f"{NAME}-" + "[0-9a-f]" * 16), key=lambda path: path.stat().st_mtime)
    for path in folders[:-KEPT_FOLDERS]:
        shutil.rmtree(path, ignore_errors=True)


KEY = sources_key()
FOLDER = None if config.DISABLE_JIT else _open_folder(KEY)


@functools.cache
def _say_once(words: str) -> None:
    print(f"{NAME}: {words}", file=sys.stderr, flush=True)


types.Record.__repr__ = functools.cache(types.Record.__repr__)  # numba spells out a machine for each step it takes


class _Files(caching.IndexDataCacheFile):
    """The files of one kernel; behind what numba reads of each stands its checksum."""

    @contextmanager
    def _open_for_write(self, path: str) -> Iterator[io.BytesIO]:
        yield (data := io.BytesIO())
        with super()._open_for_write(path) as file:
            file.write(data.getvalue() + hashlib.sha256(data.getbuffer()).digest())


class _Cache(caching.FunctionCache):
    """The cache of one kernel: what cannot be read is dropped, what cannot be written is not kept; nothing fails."""

    is_current = True  # no source was edited under this process, whose kernels would then belong to no folder

    def __init__(self, function: Callable, kind: str) -> None:
        super().__init__(function)
        self._impl._filename_base += kind
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, *wanted):
        """Return the kernel, or None where there is none; without any where a file of its is not whole."""
        files = list(Path(self._cache_path).glob(f"{self._impl.filename_base}.*nb[ci]"))
        if not files:
            return None
        try:
            for path in files:
                data = path.read_bytes()
                if hashlib.sha256(data[:-32]).digest() != data[-32:]:
                    raise ValueError(f"{path}: damaged")
            return super().load_overload(*wanted)
        except Exception:
            _say_once(f"dropped damaged files from {FOLDER}; these kernels are compiled again")
        for path in files:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def save_overload(self, signature, made) -> None:
        """File a kernel, if there is room; without the types of all its names, which were two fifths of it."""
        try:
            if self.is_current:
                super().save_overload(signature, made._replace(type_annotation=""))
        except OSError as error:
            _say_once(f"no kernel can be kept in {FOLDER} ({error.strerror}): every process compiles anew")


def _compile(compile_part: Callable, is_ours: bool, inline: str | None, *wanted):
    """Compile a part; say so once, look for edited sources first, and meanwhile for no garbage: a tenth of the time."""
    if is_ours and is_watched():
        _say_once(f"compiling kernels (once, up to {COMPILE_S} s) …")
    _Cache.is_current = sources_key() == KEY
    with no_collector():
        made = compile_part(*wanted)
    if inline == "never":  # by LLVM either
        made.library._final_module.get_function(made.fndesc.llvm_func_name).add_function_attribute("noinline")
    return made


class Record(np.void):
    """A record of fields as attributes, for kernels and for Python: a tenth of what a ``numpy.record`` takes.

    A call from Python takes 0.3 us and not 15: numba asks for ``data``, where NumPy would spell out every field, and
    knows the type by the dtype, if it is always the same object.
    """

    __setattr__ = np.void.__setitem__
    data = property(lambda self: self)

    def __getattr__(self, name: str):
        try:
            return self[name]
        except ValueError:  # no such field
            raise AttributeError(name) from None


def jit(function: Callable | None = None, **options) -> Callable:
    """Compile a kernel with numba, without the GIL; use as ``@jit`` or ``@jit(inline="always")``.

    Functions of the package are cached across processes; functions of a notebook cell or a test are not.
    A division by zero raises, as in Python; ``error_model="numpy"`` is for loops whose divisor cannot be zero.
    ``forceinline`` is for this kernel alone: numba hands it on to those that are compiled on the way.
    ``inline="never"`` is for one that would crowd out the variables of the loops around its calls.
    With ``NUMBA_DISABLE_JIT=1`` the plain Python function is returned. ``NUMBA_CACHE_DIR`` moves the cache.
    """
    if function is None:
        return functools.partial(jit, **options)
    if config.DISABLE_JIT:
        return function
    ours = PACKAGE in Path(function.__code__.co_filename).resolve().parents
    before, config.CACHE_DIR = config.CACHE_DIR, str(FOLDER or config.CACHE_DIR)
    try:
        is_kept = options.pop("cache", ours and FOLDER is not None)
        options = {"nogil": True, "no_cfunc_wrapper": True, "forceinline": False, **options}
        kernel = numba.njit(**options)(function)
        part = kernel.part = numba.njit(**options, no_cpython_wrapper=True, pipeline_class=parts)(function)
        if is_kept:
            kernel._cache, part._cache = _Cache(function, ""), _Cache(function, "-part")
    finally:
        config.CACHE_DIR = before
    part._compiler.compile = functools.partial(_compile, part._compiler.compile, ours, options.get("inline"))
    kernel._compiler.compile, kernel.get_overload = functools.partial(place, part), part.get_overload
    kernel._compiling_counter = part._compiling_counter  # by which a kernel that calls itself is known
    find = part.get_call_template  # asked whenever one kernel calls another
    kernel.get_call_template = lambda args, kws: find(map(_widen, args), {name: _widen(kws[name]) for name in kws})
    return kernel


def _widen(kind: types.Type) -> types.Type:
    """Return int64 for any signed integer, and a constant's type for the constant: numba compiles for each kind."""
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind


def compile_own(function: Callable, record: np.dtype) -> Callable:
    """Compile a reader's function of one record now, with indices checked, so that a mistake shows in its own cell.

    Raises ValueError, one line, where it cannot be compiled or returns anything but an integer.
    """
    if not hasattr(function, "__code__") or inspect.isgeneratorfunction(function):
        raise ValueError(f"{function!r:.40} is no Python function, or yields")
    kernel = jit(function, boundscheck=True)
    if config.DISABLE_JIT:
        return kernel
    try:
        kernel.compile((numba.from_dtype(record),))
    except Exception as error:
        said = next(line for line in str(error).splitlines() if line and not line.startswith("Failed in"))
        kind = "" if isinstance(error, errors.NumbaError) else f"{type(error).__name__}: "
        place = re.search(r"line (\d+)|\((\d+)\)\s*$", str(error), re.MULTILINE)
        where = f", line {place[1] or place[2]}" if place else ""
        raise ValueError(f"does not compile: {kind}{said}{where}") from None
    if not isinstance(returned := kernel.nopython_signatures[-1].return_type, types.Integer | types.Boolean):
        raise ValueError(f"returns {returned}, not the bytes taken or a negative errno")
    return kernel
