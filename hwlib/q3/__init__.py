"""Question 3: a classifier by hand, with tensors only."""
