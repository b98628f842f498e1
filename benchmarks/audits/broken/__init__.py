"""Kinds of broken and of sound models."""
