"""Settings of all tests: no window, and how long a search for counterexamples takes."""

import random
import shutil
import subprocess

import matplotlib
import pytest
from hypothesis import HealthCheck, core, settings
from numba.core import config as numba_config

matplotlib.use("Agg")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]  # the first example may compile kernels

settings.register_profile(
    "test", max_examples=300, derandomize=True, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile("plain", settings.get_profile("test"), max_examples=30)
settings.register_profile("soak", settings.get_profile("test"), max_examples=10_000, derandomize=False)
settings.load_profile("plain" if numba_config.DISABLE_JIT else "test")


@pytest.fixture
def forget_own_alternatives():
    """Let no alternative of one test stand in the tables of the next."""
    from splicelab.alternatives import OWN

    yield
    OWN.clear()


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 1 MiB, all but 12 KiB of it taken; only root may, and not everywhere."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True).returncode
    ):
        pytest.skip("no small disk: mount -t tmpfs is not allowed here")
    try:
        (folder / "filler").write_bytes(bytes((1 << 20) - 12288))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def pytest_report_header(config):
    mode = "plain Python" if numba_config.DISABLE_JIT else "compiled"
    header = [f"kernels: {mode}{', every index checked' if numba_config.BOUNDSCHECK else ''}"]
    if config.getoption("--hypothesis-profile") == "soak":
        if core.global_force_seed is None:
            core.global_force_seed = random.SystemRandom().getrandbits(32)
        header.append(f"seed of this search: --hypothesis-seed={core.global_force_seed}")
    return header
