"""This process' rooms: who watches them, and writing each published fold to all of them once encoded."""
