"""Checks of arguments, one place for each kind, so that all functions accept the same values."""
