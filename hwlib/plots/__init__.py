"""Every figure of the notebook; each function draws one, closes it and returns it for display."""
