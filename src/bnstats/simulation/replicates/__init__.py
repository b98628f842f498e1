"""What is kept of replicates: moments, histograms and control variates, block by block, merged."""
