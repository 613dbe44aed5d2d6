"""Equations: pure functions, arrays in and arrays out. Nothing here knows a scenario."""
