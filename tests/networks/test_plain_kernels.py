"""Plain kernels beside those in LLVM: the same numbers up to rounding, and trainings where LLVM does not compile.

Nothing here is random but inputs from fixed seeds. A sum of k products errs by at most k u of the sum of their sizes,
u = 2^-24 (Higham 2002, section 3.1), in each of the two kernels.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from bnstats._compiled import private
from bnstats.networks.kernels import plain
from bnstats.networks.kernels.choice import REASON
from bnstats.networks.kernels.llvm import columns, products

ROUNDING = 2.0**-24
# Rows, inner size and columns: below, at and beyond the sizes of tiles and vectors. The last one is the library's.
SHAPES = [
    *((1, 1, 1), (2, 7, 3), (3, 64, 8), (5, 16, 17), (8, 65, 33), (33, 3, 40)),
    *((4, 31, 70), (16, 48, 64), (64, 300, 128)),
]


def test_kernels_in_llvm_run_here() -> None:
    """Otherwise the tests here compare plain kernels with themselves."""
    assert REASON == ""


def matrices(*shapes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["multiply", "multiply_transposed", "accumulate"])
def test_products_agree(name: str, shape: tuple[int, int, int]) -> None:
    """Wrong: the product with its last inner term left out."""
    rows, inner, units = shape
    shapes = {
        "multiply": ((rows, inner), (inner, units)),
        "multiply_transposed": ((rows, inner), (units, inner)),
        "accumulate": ((inner, rows), (inner, units)),
    }
    a, b, out = matrices(*shapes[name], (rows, units))
    numbers = (np.float32(-0.3), np.float32(0.9)) if name == "accumulate" else ()
    found, expected = out.copy(), out.copy()
    getattr(products, name)(a, b, *numbers, found)
    getattr(plain, name)(a, b, *numbers, expected)
    left = a.T if name == "accumulate" else a
    right = b.T if name == "multiply_transposed" else b
    allowed = 2 * (inner + 2) * ROUNDING * (np.abs(left) @ np.abs(right) + np.abs(out))
    assert (np.abs(found - expected) <= allowed).all()
    a[(-1, slice(None)) if name == "accumulate" else (slice(None), -1)] = 0
    wrong = out.copy()
    getattr(plain, name)(a, b, *numbers, wrong)
    assert (np.abs(found - wrong) > allowed).any()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 1), (5, 16), (33, 64), (8, 69)], ids=str)
@pytest.mark.parametrize("name", ["standardize", "standardize_back", "activate_back"])
def test_loops_over_columns_agree(name: str, shape: tuple[int, int], kind: type) -> None:
    """To 400 units of the last place of values of order 1. Wrong: the columns exchanged."""
    rng, units = np.random.default_rng(shape), shape[1]
    matrix, vector = rng.normal(size=(3, *shape)).astype(kind), rng.uniform(0.5, 1, size=(3, units)).astype(kind)
    arguments: dict[str, tuple[Any, ...]] = {
        "standardize": (matrix[0], *vector, 1e-2),
        "standardize_back": (matrix[0], matrix[1], vector[0]),
        "activate_back": (matrix[0], vector[0], 0.1, matrix[1], matrix[2], vector[1], vector[2]),
    }
    results = []
    for kernels in (columns, plain):
        given = [part.copy() if isinstance(part, np.ndarray) else part for part in arguments[name]]
        getattr(kernels, name)(*given)
        results.append([part for part in given if isinstance(part, np.ndarray)])
    tolerance = 400 * np.finfo(kind).eps
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    if units > 1:
        assert any(np.abs(found - found[..., ::-1]).max() > 1e-2 for found in results[0])


# ---- where the kernels in LLVM do not compile

TRAINING = """
import numpy as np
from bnstats.networks.kernels.choice import REASON
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe

rng = np.random.default_rng(0)
x, y, batches = rng.normal(size=(60, 5)).astype(np.float32), rng.integers(3, size=60), rng.integers(60, size=(20, 12))
recipe = Recipe((8, 6), "renorm", sgd_momentum=0.5, weight_decay=0.01)
network, losses = Network.initial(recipe, 5, 3, rng).train(x, y, batches)
statistics = network.batch_statistics(x, batches[:2])
gradients = network.gradients(x, y, batches[:2])
logits = network.logits_in_batches(x, batches[:2])
found = [losses, network.parameters, *network.running.var, *statistics.mean, *gradients, logits]
"""


def in_a_process(code: str, folder: Path, **environment: str) -> str:
    """Output of the code in a process with a cache of its own, where nothing is compiled yet."""
    variables = os.environ | {"NUMBA_CACHE_DIR": str(folder)} | environment
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_plain_kernels_train_the_same_network(tmp_path: Path) -> None:
    """A whole training with renormalization, momentum and decay, in a process that asks for plain kernels.

    Rounding grows over 20 steps; the relative errors were at most 1e-5, and another seed changes losses by 0.1.
    """
    kept = tmp_path / "found.npz"
    printed = in_a_process(
        f"{TRAINING}\nprint(REASON)\nnp.savez({str(kept)!r}, *found)", tmp_path, BNSTATS_KERNELS="plain"
    )
    assert printed == "BNSTATS_KERNELS=plain asks for it"
    here: dict[str, Any] = {}
    exec(TRAINING, here)
    with np.load(kept) as there:
        assert len(there) == len(here["found"])
        for name, expected in zip(there, here["found"], strict=True):
            np.testing.assert_allclose(there[name], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


FAILING = "from bnstats.networks.kernels.llvm.vectors import Writer\n"
CAUSES = {
    "an attribute is gone": (
        "from bnstats._compiled import private\nprivate.KERNELS = (*private.KERNELS, 'numba.core.cgutils.for_ever')",
        f"Numba {numba.__version__} has no numba.core.cgutils.for_ever",
    ),
    "an import fails": (
        "import sys\nsys.modules['bnstats.networks.kernels.llvm.tiles'] = None",
        "the kernels in LLVM fail with ModuleNotFoundError: import of bnstats.networks.kernels.llvm.tiles halted",
    ),
    "Numba refuses": (
        f"{FAILING}def zeros(self): raise NotImplementedError('no vectors here')\nWriter.zeros = zeros",
        "the kernels in LLVM fail with NotImplementedError: no vectors here",
    ),
    "LLVM refuses": (
        f"{FAILING}Writer.load = lambda self, pointer, count=None: self.nothing.type",
        "the kernels in LLVM fail with ",
    ),
    "wrong numbers": (f"{FAILING}Writer.subtract = Writer.add", "the kernels in LLVM fail with ArithmeticError: "),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_plain_kernels_run_where_those_in_llvm_fail(cause: str, tmp_path: Path) -> None:
    before, reason = CAUSES[cause]
    code = f"{before}\nfrom bnstats.networks.kernels import choice, plain\nimport bnstats\nbnstats.show_versions()"
    code += "\nassert choice.kernels is plain"
    *_, last = in_a_process(code, tmp_path).splitlines()
    assert last.startswith(f"kernels: plain, because {reason}")


@pytest.mark.parametrize("name", [*private.KERNELS, *private.COMFORT])
def test_numba_has_what_is_used_beyond_its_documentation(name: str) -> None:
    assert private.gone((name,)) == [], f"Numba {numba.__version__} has no {name}"


def test_what_numba_does_not_document_is_used_in_one_file() -> None:
    """Modules below `numba.core` and `numba.np`, methods of a context, and LLVM outside its folder."""
    package = Path(private.__file__).parents[1]
    for path in package.rglob("*.py"):
        place, text = path.relative_to(package).as_posix(), path.read_text()
        if place != "_compiled/private.py":
            found = re.findall(r"numba\.core|numba\.np\b|\._cache\b|get_compile_result|fndesc", text)
            if "kernels" in place or "numba" in text:  # elsewhere it is another context
                found += re.findall(r"\bcontext\.\w", text)
            assert found == [], place
        if "networks/kernels/llvm" not in place:
            assert "llvmlite" not in text, place
    last = [name.rpartition(".")[2] for name in private.KERNELS]
    used = "".join(path.read_text() for path in package.rglob("*.py"))
    assert [name for name in last if used.count(name) < 2] == []
