"""Sequential assertions: the frame of their looks, and what decides at a look."""
