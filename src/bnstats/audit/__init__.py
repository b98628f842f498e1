"""The same statistics on a PyTorch model, and what a planned configuration implies."""
