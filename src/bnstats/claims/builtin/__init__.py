"""Claims that the package ships, a file for each part of the answer."""
