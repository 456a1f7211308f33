"""Where the repository keeps what is not code."""

from pathlib import Path

from splicelab.errors import InputError

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
DATA = PACKAGE / "data" if (PACKAGE / "data").is_dir() else REPOSITORY / "data"  # an installed package, or a clone


def data_path(*parts: str) -> Path:
    """Return a file or folder below data/.

    Raises
    ------
    InputError
        There is no such file or folder.
    """
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise InputError(f"{path}: not found; it is part of splicelab: install it again, or restore the clone")
    return path
