"""What this machine has and lacks for each part of the workbook: one line each, with the remedy."""

import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from splicelab.errors import InputError
from splicelab.paths import REPOSITORY, data_path


class Lacking(Exception):
    """A part cannot be used here; the message says what is missing and the remedy."""


def _program(name: str, remedy: str) -> str:
    """Return the first line in which an installed program names its version."""
    if not (path := shutil.which(name)):
        raise Lacking(f"no {name}: {remedy}")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
    return (done.stdout or done.stderr or path).strip().splitlines()[0]


def _numba() -> str:
    import llvmlite.binding
    import numba

    if numba.config.DISABLE_JIT:
        raise Lacking("NUMBA_DISABLE_JIT is set, kernels run as plain Python: unset it to measure")
    return f"numba {numba.__version__} for {llvmlite.binding.get_host_cpu_name()}"


def _cache() -> str:
    from splicelab import _jit

    if not _jit.FOLDER:
        raise Lacking("no writable folder, every process compiles anew: set NUMBA_CACHE_DIR to one")
    return f"{_jit.FOLDER} ({len(list(_jit.FOLDER.rglob('*.nbc')))} kernels)"


def _jupyter() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    command = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    if command.is_absolute() and command.resolve() != Path(sys.executable).resolve():
        raise Lacking(f"kernel python3 is {command}, not this Python: python -m ipykernel install --sys-prefix")
    if not (REPOSITORY / "notebooks").is_dir():
        raise Lacking("notebooks/ is not part of the installed package: git clone the repository, and make lab there")
    return f"JupyterLab {version('jupyterlab')}, kernel python3 is this Python"


def _cores() -> str:
    from splicelab.evidence.timed.timing import BUSY_CPUS, busy_cpus

    count, busy = len(os.sched_getaffinity(0)), busy_cpus()
    if busy > BUSY_CPUS:
        raise Lacking(f"{count} cores, but others use {busy:.1f}: let the machine come to rest before timing")
    return f"{count} cores, at rest"


def _live() -> str:
    from splicelab.evidence.live.loops import WAYS
    from splicelab.evidence.live.sockets import Shape, open_wire

    with open_wire(Shape()) as wire:
        for way in WAYS:
            wire.send(way)
    mtu = Path("/sys/class/net/lo/mtu").read_text().strip()
    return f"{', '.join(WAYS)} over loopback, MTU {mtu}, Linux {platform.release()}"


PARTS: dict[str, Callable[[], str]] = {
    "python": lambda: f"{platform.python_version()} ({sys.executable})",
    "kernels": _numba,
    "cache": _cache,
    "data": lambda: str(data_path()),
    "notebooks": _jupyter,
    "browser test": lambda: f"{_program('chromium', 'apt install chromium')}, playwright {version('playwright')}",
    "timing": _cores,
    "bench": lambda: _program("gcc", "apt install gcc libc6-dev"),
    "live": _live,
}


def report() -> Iterator[str]:
    """Yield one line a part: what is there, or what is missing and what to do."""
    for part, check in PARTS.items():
        try:
            with warnings.catch_warnings(action="ignore"):  # Jupyter's, where it cannot write to the home
                found = check()
            yield f"ok     {part:15} {found}"
        except (Lacking, InputError, ImportError, LookupError, OSError, subprocess.SubprocessError) as reason:
            yield f"lacks  {part:15} {' '.join(str(reason).split())}"
