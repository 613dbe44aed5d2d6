"""One home for each third-party driver; all imported late."""
