"""A fix that helps without its cause's evidence names no cause, on the adapters of all frameworks.

The NumPy networks of `test_core_causes` are built anew in each framework. Networks and batches are fixed by their
seeds, so nothing here is random.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy_damage as damage
import pytest
from other_twins import TWINS
from test_core_causes import NOT_NAMED

from bnstats import audit


@pytest.mark.parametrize("cause", list(NOT_NAMED))
def test_in_pytorch_a_fix_that_helps_without_the_evidence_names_no_cause(cause: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'bnstats[torch]'")
    from torch_twin import audited

    report = audited(NOT_NAMED[cause]())
    assert report.verdict == "off"
    assert report.cause not in (None, cause)  # the fix did help, and another cause has its evidence


def test_twins_in_pytorch_compute_what_the_networks_compute() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'bnstats[torch]'")
    from torch_twin import Twin, tensors

    for made in (damage.updated_twice(), damage.streams(6), damage.frozen(), damage.batch_statistics()):
        (x, y), twin = damage.batches(1, 32, 5)[0], Twin(made.net)
        for mode in ("eval", "train"):
            twin.train(mode == "train")
            made.net.updating = mode == "train"
            with torch.no_grad():
                found = twin(tensors([(x, y)])[0][0]).numpy()
            np.testing.assert_allclose(found, made.net(x, mode), rtol=1e-6, atol=1e-8)
        for norm, layer in zip(made.net.norms, [p for p in twin.parts if hasattr(p, "momentum")], strict=True):
            if not norm.always:
                np.testing.assert_allclose(layer.running_var.numpy(), norm.var, rtol=1e-6)


@pytest.mark.parametrize("framework", list(TWINS))
@pytest.mark.parametrize(
    ("cause", "make"), [("never_updated", damage.near_start), ("not_finite", damage.huge_variance)]
)
def test_in_keras_and_flax_too(
    cause: str, make: Callable[[], damage.Damaged], framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    pytest.importorskip(framework, reason=f"this part needs {framework}")
    batches = [(np.float32(x), y) for x, y in damage.batches(30, 32, 5)]
    report = audit(TWINS[framework](make().net), batches)
    assert report.verdict == "off"
    assert report.cause not in (None, cause)
