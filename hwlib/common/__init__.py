"""What the questions share: data, device, figures, results."""
