"""The networks of the campaign and the rows that they are trained on, in three frameworks."""
