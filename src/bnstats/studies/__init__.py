"""Studies: the quantities that are simulated, in the terms of `bnstats.simulation`."""
