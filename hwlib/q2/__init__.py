"""Question 2: derivatives, checked."""
