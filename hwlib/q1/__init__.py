"""Question 1: what a small network computes."""
