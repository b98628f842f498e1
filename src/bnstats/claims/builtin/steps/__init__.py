"""Claims about the steps that training takes."""
