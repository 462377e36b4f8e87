"""Checked parameters, and the notebook run with them."""
