"""Machine of the measurements: cores, processor, versions; nothing that names a place or a person."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from bnstats._versions import OPTIONAL, REQUIRED, versions


def machine() -> dict[str, Any]:
    """Cores, processor, how busy they were, and versions of all that takes part."""
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "running processes before": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **versions(("bnstats", *REQUIRED, *OPTIONAL))},
    }


def processor() -> str:
    """The processor's name; its architecture where the system does not say more."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()
