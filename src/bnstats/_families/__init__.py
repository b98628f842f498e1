"""Families of classes: their variants are found by their files, and parameters of their methods described once."""
