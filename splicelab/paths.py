"""Where the repository keeps what is not code."""

from pathlib import Path

from splicelab.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY / "data"


def data_path(*parts: str) -> Path:
    """Return a file or folder below data/.

    Raises
    ------
    InputError
        There is no such file or folder, as when the package is installed without the repository around it.
    """
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise InputError(f"{path}: not found; splicelab reads data/ beside its package: run it from a clone (make lab)")
    return path
