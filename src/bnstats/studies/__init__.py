"""What is measured: each study is a few lines on the frame of `bnstats.simulation`."""
