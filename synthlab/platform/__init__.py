"""The reference platform: tables, ingestion, analytics. The other side of the wire."""
