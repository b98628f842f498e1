"""Statistics of batches: moments, estimators, running statistics, and their exact theory."""
