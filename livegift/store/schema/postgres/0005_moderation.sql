-- Who is kept from what. `change` orders all changes, so that an edge reads only what is new to it; what was lifted stays
-- as a row that has ended.

CREATE TABLE sanction_head (
  one bigint PRIMARY KEY CHECK (one = 1),
  change bigint NOT NULL
);
INSERT INTO sanction_head SELECT 1, 0 FROM book;

CREATE TABLE sanction (
  room_id text NOT NULL,                 -- '' is everywhere
  user_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('ban', 'mute')),
  until_ms bigint NOT NULL,
  change bigint NOT NULL,
  PRIMARY KEY (room_id, user_id, kind)
);
CREATE INDEX sanction_change ON sanction (change);

CREATE TABLE room_moderator (
  room_id text NOT NULL,
  user_id text NOT NULL,
  PRIMARY KEY (room_id, user_id)
);

-- What a creator takes, JSON; absent: everything.
CREATE TABLE policy (
  creator_id text PRIMARY KEY,
  body text NOT NULL,
  changed_ms bigint NOT NULL
);
