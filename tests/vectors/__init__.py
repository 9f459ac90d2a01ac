"""The golden frames of clients/vectors: what they are made of, and ``python -m tests.vectors``, which writes them."""
