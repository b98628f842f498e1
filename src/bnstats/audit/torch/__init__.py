"""The audit of PyTorch models."""

from bnstats.audit.torch.framework import FRAMEWORK

__all__ = ["FRAMEWORK"]
