"""Statistics at test time that are adapted to the test rows, and their common base."""

from bnstats.networks.adaptation import Mixed, Mixing, Weighed

__all__ = ["Mixed", "Mixing", "Weighed"]
