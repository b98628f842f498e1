"""Compiled passes through a network; nothing outside `bnstats.networks` imports them."""
