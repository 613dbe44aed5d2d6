"""Checks, metrics and profiles: judge a telemetry frame on its own."""
