"""Checks of arguments: one place for each kind, so that the same value is accepted or refused everywhere."""
