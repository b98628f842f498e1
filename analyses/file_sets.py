"""Files that belong together, such as a figure with its numbers and their provenance, are put in place together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def place(contents: Mapping[Path, bytes]) -> None:
    """Write files so that an interruption leaves all as they were, or all new.

    All are written beside their places before any is renamed, in the order given. Only a kill between two renames
    leaves a mixture; so the last file should say what the others hold.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            written[_beside(path)] = path
            temporary = next(reversed(written))
            temporary.write_bytes(content)
            temporary.chmod(0o644)
        try:
            _rename(written)
        except KeyboardInterrupt:
            _rename(written)
            raise
    finally:
        for temporary in written:
            temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Return a new empty file in the same folder."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    return Path(name)


def _rename(written: Mapping[Path, Path]) -> None:
    """Rename the files that have not been renamed yet."""
    for temporary, path in written.items():
        if temporary.exists():
            os.replace(temporary, path)
