"""Files that a command writes: checked before anything is simulated, and never half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path


def check_outputs(outputs: Mapping[str, Path], inputs: Iterable[Path], overwrite: bool) -> None:
    """Check that each file can be written, and that nothing would be lost.

    Parameters
    ----------
    outputs : mapping of options to paths
    inputs : paths
        Files that are read; none of them is ever written, under whatever name.
    overwrite : bool
        May files that exist be replaced?

    Raises
    ------
    ValueError
        For an input, for a file that exists without `overwrite`, and for two outputs that are one file.
    OSError
        For what cannot be written.
    """
    for option, path in outputs.items():
        _check(option, path, list(inputs), overwrite)
    places: dict[str, str] = {}
    for option, path in outputs.items():
        other = places.setdefault(str(path.resolve()).casefold(), option)
        if other != option:
            raise ValueError(f"{other} and {option} are two files; got {path} for both.")


def _check(option: str, path: Path, inputs: list[Path], overwrite: bool) -> None:
    try:
        target = path.resolve()
        there = os.path.lexists(target)
        os.stat(target.parent)
        target.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise OSError(f"{option} is a file in a folder that exists; got {path} ({_reason(error)}).") from None
    if target.is_dir() or not target.parent.is_dir():
        raise OSError(f"{option} is a file in a folder that exists; got {path}.")
    if there and any(source.exists() and target.samefile(source) for source in inputs):
        raise ValueError(f"{option} {path} is the file that is read; name another one.")
    if there and target.is_file() and not overwrite:
        raise ValueError(f"{option} {path} exists; name another file, or say --overwrite.")
    if there and not os.access(target, os.W_OK):
        raise OSError(f"{option} {path} may not be written to; name another file.")
    if not there or target.is_file():
        _try(option, path, target)


def _try(option: str, path: Path, target: Path) -> None:
    """Write beside the target, and find out whether it could have this name."""
    try:
        with tempfile.TemporaryFile(dir=target.parent), suppress(FileNotFoundError):
            os.lstat(target)
    except OSError as error:
        raise OSError(f"{option} {path} cannot be written ({_reason(error)}); name another file.") from None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """Write a file, whole or not at all; a file that has come meanwhile is kept unless `overwrite`.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    target, content = path.resolve(), text.encode(errors="backslashreplace")
    if target.exists() and not target.is_file():  # a device, or a pipe
        target.write_bytes(content)
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".bnstats-")
    temporary = Path(name)
    try:
        with open(handle, "wb") as held:
            held.write(content)
        temporary.chmod(_mode(target))
        if target.exists() and not overwrite:
            raise FileExistsError(f"{path} has come into being meanwhile; it is kept")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _mode(target: Path) -> int:
    """Return the permissions of the file that is replaced, or those that new files get."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
