"""Growth of gradients from layer to layer, with and without normalization."""
