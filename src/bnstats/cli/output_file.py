"""Output files of a command: checked before anything is simulated, and never half written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def check_outputs(outputs: Mapping[str, Path], inputs: Iterable[Path], overwrite: bool) -> None:
    """Check that each file can be written, and that no existing file is lost.

    Parameters
    ----------
    outputs : mapping
        Path of each option.
    inputs : paths
        Files that the command reads. None of them is ever written, under any name.
    overwrite : bool
        True to allow replacing existing files.

    Raises
    ------
    ValueError
        If an output is an input, if it exists and `overwrite` is False, or if two outputs are the same file.
    OSError
        If an output cannot be written.
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
        os.stat(target if there else target.parent)  # from Python 3.13 on, links in a circle fail only here
        target.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise OSError(f"{option} is a file in a folder that exists; got {path} ({_reason(error)}).") from None
    if target.is_dir() or not target.parent.is_dir():
        raise OSError(f"{option} is a file in a folder that exists; got {path}.")
    if any(source.resolve() == target or (there and source.exists() and target.samefile(source)) for source in inputs):
        raise ValueError(f"{option} {path} is the file that is read; name another file.")
    if there and target.is_file() and not overwrite:
        raise ValueError(f"{option} {path} exists; name another file, or add --overwrite.")
    if there and not os.access(target, os.W_OK):
        raise OSError(f"{option} {path} may not be written to; name another file.")
    if not there or target.is_file():
        _try(option, path, target)


def _try(option: str, path: Path, target: Path) -> None:
    """Write beside the target, and check that the target could have this name."""
    try:
        with tempfile.TemporaryFile(dir=target.parent), suppress(FileNotFoundError):
            os.lstat(target)
    except OSError as error:
        raise OSError(f"{option} {path} cannot be written ({_reason(error)}); name another file.") from None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """Write a file, whole or not at all; a file created meanwhile is kept unless `overwrite`.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    target, content = path.resolve(), text.encode(errors="backslashreplace")
    if target.exists() and not target.is_file():  # a device, or a pipe
        target.write_bytes(content)
        return
    temporary = target.with_name(f".bnstats-{uuid4().hex}")
    try:
        temporary.write_bytes(content)
        if target.exists():
            if not overwrite:
                raise FileExistsError(f"{path} was created meanwhile; it is kept")
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
