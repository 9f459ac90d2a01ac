-- Streams that media servers have told of, and the room that each has while it is live. `at_ms` is of the last event
-- that counted: what is older came late.

CREATE TABLE stream (
  hook TEXT NOT NULL,
  name TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  room_id TEXT,                            -- null while it is not live
  PRIMARY KEY (hook, name)
) STRICT, WITHOUT ROWID;
