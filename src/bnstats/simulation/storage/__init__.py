"""Storage of finished blocks in an SQLite file, with the definition of a study that its store records."""
