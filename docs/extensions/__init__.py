"""Parts of the site that Sphinx makes from the package, its figures and its measurements."""
