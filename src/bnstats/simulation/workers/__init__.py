"""Workers: threads, processes and clusters that simulate blocks."""
