"""Finished blocks in an SQLite file, and what makes two studies the same."""
