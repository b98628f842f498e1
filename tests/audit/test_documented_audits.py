"""The examples of audits in the docs run, and find what the text says. Seeds are fixed and were not chosen."""

import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize("page", ["tutorials/practitioner.md", "gallery/audit.md"])
def test_the_example_names_what_is_wrong_and_mends_it(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = re.findall(r"```\{code-cell\} python\n(?::\w+:.*\n)*(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    first = next(i for i, cell in enumerate(cells) if "import torch" in cell)
    code = "import bnstats as bn\n" + "\n".join(cells[first:])
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(code, names)
    assert [finding.cause for finding in names["report"].findings] == ["start_remains"]
    assert 'Mend: bn.recalibrate(model, loader, kind="population")' in names["report"].summary()
    x, y = names["loader"].dataset.tensors
    with torch.no_grad():
        before, after = (
            torch.nn.functional.cross_entropy(names[model].eval()(x), y).item() for model in ("model", "mended")
        )
    assert after < before - 0.1
