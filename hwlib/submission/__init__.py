"""From an executed notebook to what is handed in, and its verification."""
