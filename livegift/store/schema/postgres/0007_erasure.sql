-- Who has been erased: their ids are never used again, and stay in the book as ids alone.

CREATE TABLE erasure (
  user_id text PRIMARY KEY,
  erased_ms bigint NOT NULL
);

-- Persons who can act and be named.
CREATE VIEW living AS SELECT id, name, role, created_ms FROM person WHERE id NOT IN (SELECT user_id FROM erasure);
