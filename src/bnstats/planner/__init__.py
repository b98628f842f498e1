"""Plans for batch normalization before training: what to choose, and what a choice implies, from theory alone."""
