"""What normalization does to gradients: how fast they grow from layer to layer."""
