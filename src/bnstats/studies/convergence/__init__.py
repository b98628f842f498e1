"""How fast batch statistics converge to the population's values."""
