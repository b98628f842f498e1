"""Where batch statistics are used: small classifiers, their normalizers, and what mends their statistics."""
