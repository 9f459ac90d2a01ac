"""Figures, each from a command of its own: ``python -m tests.bench --help``. No test asserts them."""
