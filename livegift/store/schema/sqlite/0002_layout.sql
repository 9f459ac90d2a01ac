-- How many partitions there have been, and since when: a receipt's epoch tells in which partition it was given.

CREATE TABLE layout (
  since_epoch INTEGER PRIMARY KEY,
  partitions INTEGER NOT NULL
) STRICT;
INSERT INTO layout SELECT 0, partitions FROM book;
