"""Question 4.I: a network for ten species of big cats."""
