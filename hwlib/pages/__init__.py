"""What the web pages of sweeps and of grading share."""
