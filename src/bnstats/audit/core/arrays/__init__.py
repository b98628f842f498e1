"""Private copies whose layers hand over arrays: what the adapters of Keras and Flax share."""
