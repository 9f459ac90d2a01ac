"""livegift: the open, self-hosted gifting server for live streams."""

__version__ = "0.1.0"
