"""Knowledge of a model under audit, the verdict on it, and its tables."""
