-- Streams that media servers have told of, and the room that each has while it is live. `at_ms` is of the last event
-- that counted: what is older came late.

CREATE TABLE stream (
  hook text NOT NULL,
  name text NOT NULL,
  at_ms bigint NOT NULL,
  room_id text,                            -- null while it is not live
  PRIMARY KEY (hook, name)
);
