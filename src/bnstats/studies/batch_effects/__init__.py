"""Effects of correcting for batches, on fitted and on new batches."""
