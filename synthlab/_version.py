"""The version of synthlab, stated once."""

__version__ = "0.1.0"
