"""The flusher process: journal to book, book to rooms, inbox to wallets."""
