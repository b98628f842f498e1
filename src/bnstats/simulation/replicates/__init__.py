"""Statistics of replicates: moments, histograms and control variates, merged block by block."""
