"""`bnstats audit`: a model of one's own, from a function and a file of arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bnstats.cli import main

torch = pytest.importorskip("torch", reason="an audit needs PyTorch")

MODEL = """
import torch
from torch import nn


def reset():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows whose values lie far from 0, so that start values are far from what layers get."""
    (tmp_path / "own_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(5, 2, (400, 4)), "y": rng.integers(3, size=400)}
    np.savez(tmp_path / "rows.npz", **arrays, test_x=arrays["x"][:100], test_y=arrays["y"][:100])
    return tmp_path / "rows.npz"


def test_a_model_without_statistics_is_named_and_reported(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["audit", "own_model:reset", "--data", str(data), "--batch-size", "20"]
    assert main([*named, "--html", "report.html", "--out", "layers.csv"]) == 0
    assert "never updated" in capsys.readouterr().out
    assert "never updated" in Path("report.html").read_text()
    assert pd.read_csv("layers.csv")["channels"].tolist() == [8]


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--fail-on", "off"], 1), (["--fail-on", "not_judged"], 1)])
def test_the_status_follows_the_verdict(
    options: list[str], status: int, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["audit", "own_model:reset", "--data", str(data), "--batch-size", "20", "--json"]
    assert main([*named, *options]) == status
    assert json.loads(capsys.readouterr().out)["verdict"] == "off"


LINEN = """
import flax.linen as nn
import jax
import numpy as np


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return nn.Dense(3)(nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))))


def reset():
    return Net(), Net().init(jax.random.key(0), np.zeros((2, 4), "f4"), train=False)
"""


def test_a_pair_of_module_and_variables_is_a_model(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("flax", reason="Flax is not installed")
    Path("own_linen.py").write_text(LINEN)
    assert main(["audit", "own_linen:reset", "--data", str(data), "--batch-size", "20", "--fail-on", "off"]) == 1
    assert "never updated" in capsys.readouterr().out


def test_options_that_say_nothing_are_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pairs.py").write_text("def made():\n    return None, None\n")
    assert main(["audit", "pairs:made", "--data", str(data), "--batch-size", "20"]) == 2
    assert "pairs:made returned (model, loader); leave out --data and --batch-size." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([], "name --data and --batch-size"),
        (["--data", "missing.npz", "--batch-size", "8"], "missing.npz"),
        (["--data", "own_model.py", "--batch-size", "8"], "is a .npz file of numbers"),
        (["--data", "rows.npz", "--batch-size", "1"], "batch size is a whole number of at least 2"),
        (["--data", "rows.npz", "--batch-size", "401"], "fewer than the 401 of one batch"),
        (["--data", "words.npz", "--batch-size", "8"], "holds real numbers"),
        (["--data", "uneven.npz", "--batch-size", "8"], "as many in x as in y"),
        (["--data", "named.npz", "--batch-size", "8"], "has an array x"),
        (["--data", "objects.npz", "--batch-size", "8"], "objects.npz is none, or a damaged one."),
        (["--data", "empty.npz", "--batch-size", "8"], "empty.npz is none, or a damaged one."),
        (["--data", "cut.npz", "--batch-size", "8"], "cut.npz is none, or a damaged one."),
        (["--data", "flipped.npz", "--batch-size", "8"], "flipped.npz is none, or a damaged one."),
    ],
)
@pytest.mark.usefixtures("data")
def test_bad_files_are_refused_in_a_sentence(
    change: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("words.npz", x=np.array([["a"], ["b"]]))
    np.savez("uneven.npz", x=np.zeros((4, 2)), y=np.zeros(3))
    np.savez("named.npz", inputs=np.zeros((4, 2)))
    np.savez("objects.npz", x=np.array([{}]))
    Path("empty.npz").touch()
    np.savez_compressed("flipped.npz", x=np.random.default_rng(0).normal(size=(40, 2)))
    whole = Path("flipped.npz").read_bytes()
    Path("cut.npz").write_bytes(whole[:-30])
    Path("flipped.npz").write_bytes(whole[:100] + bytes(byte ^ 255 for byte in whole[100:120]) + whole[120:])
    assert main(["audit", "own_model:reset", *change]) == 2
    assert message in capsys.readouterr().err
