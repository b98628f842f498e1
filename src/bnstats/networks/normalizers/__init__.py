"""Normalizers, one file each, with parameters, forward and backward; a new file is found by itself."""

from bnstats.networks.normalizers import registry

__all__ = ["registry"]
