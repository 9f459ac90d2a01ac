"""What media servers tell of streams that begin and end: read, and their signatures checked. Knows no database."""
