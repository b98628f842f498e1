"""What an audit holds in memory does not grow with the loader. Counts of batches that are alive: nothing is random."""

import weakref
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

from torch import nn

import bnstats as bn


class Counted:
    """Batches that are made when they are asked for, and counted while anything holds them."""

    def __init__(self, batches: int) -> None:
        self.batches, self.alive, self.most = batches, 0, 0

    def __iter__(self) -> Iterator[Any]:
        for number in range(self.batches):
            batch = torch.randn(8, 4, generator=torch.Generator().manual_seed(number))
            self.alive += 1
            self.most = max(self.most, self.alive)
            weakref.finalize(batch, self.gone)
            yield batch
            del batch

    def gone(self) -> None:
        self.alive -= 1


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def test_an_audit_holds_no_more_batches_than_it_was_asked_to_draw() -> None:
    most = []
    for batches in (100, 1000):
        loader = Counted(batches)
        report = bn.audit(network(), loader, batches=60)
        assert report.layers["batches"].tolist() == [60]
        assert loader.alive == 0
        most.append(loader.most)
    assert most[0] == most[1] <= 62


@pytest.mark.parametrize("kind", ["precise", "averaged", "biased"])
def test_recalibration_with_batches_as_they_come_holds_a_few_at_a_time(kind: str) -> None:
    loader = Counted(300)
    bn.recalibrate(network(), loader, kind)
    assert loader.most <= 4
