"""Weights files for the audit: batch-norm statistics read without running a model, or any code of the file."""

from bnstats.audit.files.audit_file import READERS, FileAudit, audit_file

__all__ = ["READERS", "FileAudit", "audit_file"]
