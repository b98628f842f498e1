"""Normalizers, one file each: parameters, forward and backward. A new file here is a new normalizer."""
