"""Compiled code that is kept on disk: the same bits as when it was compiled, and never older than its source."""

import gc
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba import types
from numba.extending import intrinsic

import bnstats
import bnstats._compiled

# One layer, in a process of its own; ghost batch normalization calls a function that stands in another file.
PASS = """
import numpy as np
import bnstats
import bnstats._compiled
from bnstats.networks.normalizers.ghost import Ghost

z = np.random.default_rng(0).normal(size=(36, 19)).astype(np.float32)
normalizer = Ghost(12)
normalizer.forward(z, normalizer.state(36, 19, eps=1e-5))
print(bnstats.__file__, z.tobytes().hex())
"""

# What is kept of a class that has another name now.
GONE = b"\x80\x04cbnstats.networks.kernels.layers\nGone\n."
# A function that is called from another file, and one that writes instructions: changes too small for the trial, which
# would choose the plain kernels.
CHANGES = (
    ("kernels/llvm/columns.py", "write.add(vector, eps)", "write.subtract(vector, eps)"),
    (
        "kernels/llvm/vectors.py",
        "return self.builder.fdiv(a, b, flags=_IN_ORDER)",
        "return self.times(self.builder.fdiv(a, b), ir.Constant(self._vector, [1.00001] * self.lanes))",
    ),
)


def test_what_is_kept_has_the_bits_of_what_was_compiled_and_the_formulas_of_the_source(tmp_path: Path) -> None:
    """Compile, load, compile where what is kept is of another version, and after changes of what is called."""
    package = tmp_path / "bnstats"
    shutil.copytree(Path(bnstats.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("")  # what is not asked for takes a second to import
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def run() -> str:
        done = subprocess.run([sys.executable, "-c", PASS], env=environment, capture_output=True, text=True, check=True)
        file, found = done.stdout.split()
        assert file == str(package / "__init__.py")
        return found

    compiled = run()
    assert list((tmp_path / "kept").rglob("*.nbc"))
    assert run() == compiled
    for index in (tmp_path / "kept").rglob("*.nbi"):
        index.write_bytes(pickle.dumps(numba.__version__) + GONE)
    assert run() == compiled
    for file, before, after in CHANGES:
        called = package / "networks" / file
        source = called.read_text()
        changed = source.replace(before, after, 1)
        assert changed != source
        called.write_text(changed)
        last, compiled = compiled, run()
        assert compiled != last


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("module", ["bnstats.networks", "mine", "bnstats_mine"])
def test_no_garbage_is_collected_while_this_package_compiles_and_then_as_before(
    module: str, fails: bool, collecting: bool
) -> None:
    seen = []

    @intrinsic
    def ask(_):
        seen.append(gc.isenabled())
        if fails:
            raise numba.core.errors.TypingError("not now")
        return types.int64(), lambda context, *_: context.get_constant(types.int64, 1)

    def function():
        return ask()

    function.__module__ = module
    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        if fails:
            with pytest.raises(numba.core.errors.TypingError):
                numba.njit(function)()
        else:
            assert numba.njit(function)() == 1
        assert gc.isenabled() == collecting
        assert set(seen) == {collecting and not module.startswith("bnstats.")}
    finally:
        (gc.enable if before else gc.disable)()
