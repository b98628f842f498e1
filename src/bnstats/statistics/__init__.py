"""What is computed from batches: moments, estimators, running statistics, and their exact theory."""
