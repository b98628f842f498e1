"""Models that are broken in one known way each, or healthy, and how often the audit names what is wrong with them."""
