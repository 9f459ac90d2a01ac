"""Figures, each from a command of its own: ``python -m tests.bench batcher|cpu|idle``. No test asserts them."""
