"""How much of a label is left in a value that was normalized by its own batch."""
