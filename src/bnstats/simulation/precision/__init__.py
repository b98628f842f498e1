"""How precise numbers are, and when they are precise enough."""
