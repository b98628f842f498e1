"""History of running statistics: how much a training pass replaces, and where statistics come from."""
