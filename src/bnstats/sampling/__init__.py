"""What is drawn: populations, and the rules by which batches are drawn from them."""
