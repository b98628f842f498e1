"""Cost of running statistics at test time, for networks that were trained on batch statistics."""
