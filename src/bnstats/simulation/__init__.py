"""Running a study: random streams, replicates, their Monte Carlo errors, and when there are enough of them."""
