"""The monitor's core: running statistics as flat arrays, whatever framework they come from."""
