"""Errors of running statistics over training steps."""
