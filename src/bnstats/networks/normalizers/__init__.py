"""Normalizers, one file each, with parameters, forward and backward; a new file is found by itself."""
