"""Keras 3 models for the audit."""

from bnstats.audit.keras.framework import FRAMEWORK

__all__ = ["FRAMEWORK"]
