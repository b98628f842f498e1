"""Compiled passes through a network, which only `bnstats.networks` imports."""
