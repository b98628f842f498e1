"""What correcting for batch effects does to new batches."""
