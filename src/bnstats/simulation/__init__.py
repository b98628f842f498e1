"""How often, how sure: streams, replicates, their Monte Carlo errors, and the frame that runs a study."""
