"""The book in SQL: everything that is true about money, people, rooms and the catalogue."""
