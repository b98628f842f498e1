"""Flax models for the audit."""

from bnstats.audit.flax.framework import FRAMEWORK

__all__ = ["FRAMEWORK"]
