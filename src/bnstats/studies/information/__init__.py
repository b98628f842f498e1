"""How much of a label is left in a value that was normalised by its own batch."""
