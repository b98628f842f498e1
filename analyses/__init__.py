"""One script a figure: `python -m analyses` runs all, `python -m analyses.NAME` one."""
