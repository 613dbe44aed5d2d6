"""Measurements in, scenario parameters out; and how far synthetic data are from measured ones."""
