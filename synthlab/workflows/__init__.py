"""One module per verb; each returns a frozen result record."""
