"""Steps that training takes: their mean, their noise, and the loss that they lower."""
