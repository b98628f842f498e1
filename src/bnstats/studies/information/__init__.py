"""Information about a label that is left in a value normalized by its own batch."""
