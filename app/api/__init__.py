"""Door in: HTTP routes. Stores and answers; never thinks."""
