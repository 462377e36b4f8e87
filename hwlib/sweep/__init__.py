"""Many runs with different parameters, compared."""
