"""What pytest leaves alone: the audit's modules need PyTorch, and its tests are skipped without it."""

import importlib.util
from pathlib import Path

collect_ignore = []
if importlib.util.find_spec("torch") is None:
    audit = Path(__file__).parent / "src/bnstats/audit"
    collect_ignore = [str(path) for path in audit.glob("*.py") if path.name not in ("__init__.py", "advise.py")]
