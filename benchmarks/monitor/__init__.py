"""Trainings that a monitor watches: healthy ones, broken ones, and the true displacement beside the monitor's."""
