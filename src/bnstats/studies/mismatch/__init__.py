"""What test-time running statistics cost networks that were trained on batch statistics."""
