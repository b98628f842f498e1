"""Peak memory of isolation and passes: one copy of the parameters, the batches, and one layer's activations of them.

The measured process is a new one. Its peak differs by some MB from run to run; the slack is 40 MB, and a second copy of
the parameters would be 137 MB. Each thread has work space of the library that multiplies matrices, some 5 MB here.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the audit needs PyTorch: pip install 'bnstats[torch]'")

CODE = """
import torch
from torch import nn
from bnstats.audit.torch import FRAMEWORK

torch.set_num_threads(1)
WIDTH, ROWS, COUNT = 3000, 64, 10

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

class Moving(nn.Sequential):
    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self[0].weight.mul_(0.9)
        return super().forward(x)

layers = [part for _ in range(4) for part in (nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH))]
model = Moving(*layers)
batches = [torch.randn(ROWS, WIDTH) for _ in range(COUNT)]
with torch.no_grad():
    model.eval()(batches[0])
before = peak()
with FRAMEWORK.guarded(model, [batches], 0):
    private = FRAMEWORK.isolate(model, batches[0])
    for batch in batches[:3]:
        private.train_pass(batch)
        private.eval_pass(batch)
        private.moments(batch, "batch")
    private.lockstep(batches)
parameters, held = 4 * WIDTH**2 * 4 / 2**20, COUNT * ROWS * WIDTH * 4 / 2**20
print(peak() - before, parameters, held)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's own numbers")
def test_one_copy_of_the_parameters_and_one_layer_of_activations() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
    grown, parameters, batches = map(float, found.split())
    # Of each batch: its copy, and a layer's input and output.
    assert grown <= parameters + 3 * batches + 10 * 6 + 40
    assert grown >= parameters, "the copy is made"
