"""Seeded worlds: the real ledger, flusher, announcer and gifting on a real Valkey, in a time and a network of our own.

Run ``python -m tests.simulation --seeds 1000``; a failing seed prints the one command that replays it.
"""
