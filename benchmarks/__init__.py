"""bnstats against what a user would pick instead, and against itself: `python -m benchmarks [NAME ...]`."""
