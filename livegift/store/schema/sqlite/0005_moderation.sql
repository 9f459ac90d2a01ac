-- Who is kept from what. `change` orders all changes, so that an edge reads only what is new to it; what was lifted stays
-- as a row that has ended.

CREATE TABLE sanction_head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  change INTEGER NOT NULL
) STRICT;
INSERT INTO sanction_head SELECT 1, 0 FROM book;

CREATE TABLE sanction (
  room_id TEXT NOT NULL,                 -- '' is everywhere
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('ban', 'mute')),
  until_ms INTEGER NOT NULL,
  change INTEGER NOT NULL,
  PRIMARY KEY (room_id, user_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX sanction_change ON sanction (change);

CREATE TABLE room_moderator (
  room_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- What a creator takes, JSON; absent: everything.
CREATE TABLE policy (
  creator_id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
