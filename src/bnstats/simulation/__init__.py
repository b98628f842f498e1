"""Simulation of studies: random streams, replicates, Monte Carlo errors and the stopping rule."""
