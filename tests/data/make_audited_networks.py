"""Trains the small networks that audits are tried on, and stores their states; takes some minutes.

    python tests/data/make_audited_networks.py

Each state is that of one network of `audited_networks.NETWORKS` after one of the trainings in `TRAININGS`, with seed 0.
They depend on the processor's arithmetic; tests ask of them what is wrong with them, not for their values.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "audit"))

from audited_networks import NETWORKS, STATES, TRAININGS

if __name__ == "__main__":
    torch.set_num_threads(1)
    states = torch.load(STATES) if STATES.exists() and "--all" not in sys.argv else {}
    for images, training, network in [
        *(("digits", training, network) for training in TRAININGS for network in NETWORKS),
        *(("mnist", training, network) for training in ("healthy", "averaged") for network in NETWORKS),
        ("mnist", "eps", "dense"),
    ]:
        name = f"{images} {network} {training}"
        if name not in states:
            print(name, flush=True)
            states[name] = TRAININGS[training](network, images, 0).state_dict()
            torch.save(states, STATES)
