"""Corrections in pipelines of scikit-learn."""
