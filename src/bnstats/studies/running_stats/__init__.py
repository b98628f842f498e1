"""How far running statistics are from the population's."""
