"""Scenario files: schema, loading, writing, archetypes and resolved parameters."""
