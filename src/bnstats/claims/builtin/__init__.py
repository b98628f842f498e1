"""The claims themselves, a file for each part of the answer."""
