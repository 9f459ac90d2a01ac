-- The book: everything that is true about money. Times are milliseconds since 1970, coins and points are whole.

CREATE TABLE book (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  incarnation INTEGER NOT NULL,          -- counts restores from a backup; part of every Redis key
  partitions INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE partition (
  p INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL DEFAULT 0,      -- of the journal that the mark counts in
  mark INTEGER NOT NULL DEFAULT 0,       -- seq of the last event in the book
  announced INTEGER NOT NULL DEFAULT 0,  -- rooms have seen at least this; may lag, never leads
  generation INTEGER NOT NULL DEFAULT 0, -- of the hot wallets
  inbox_given INTEGER NOT NULL DEFAULT 0,
  inbox_done INTEGER NOT NULL DEFAULT 0,
  clock_ms INTEGER NOT NULL DEFAULT 0,   -- of the last event
  chain BLOB NOT NULL,                   -- head of the hash chain at the mark
  coins_issued INTEGER NOT NULL DEFAULT 0,
  coins_spent INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE person (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'creator')),
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE room (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  creator_id TEXT NOT NULL REFERENCES person (id),
  created_ms INTEGER NOT NULL,
  closed_at_ms INTEGER
) STRICT;
CREATE INDEX room_open ON room (closed_at_ms);

CREATE TABLE rate (
  version INTEGER PRIMARY KEY,
  usd_micros_per_point INTEGER NOT NULL,
  from_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE catalogue (
  version INTEGER NOT NULL,
  id TEXT NOT NULL,
  place INTEGER NOT NULL,
  name TEXT NOT NULL,
  price_coins INTEGER NOT NULL CHECK (price_coins > 0),
  tier INTEGER NOT NULL,
  streakable INTEGER NOT NULL,
  image TEXT NOT NULL,
  active INTEGER NOT NULL,
  PRIMARY KEY (version, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallet (
  user_id TEXT PRIMARY KEY,
  p INTEGER NOT NULL,
  coins INTEGER NOT NULL,
  frozen INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stripe (
  p INTEGER NOT NULL,
  creator_id TEXT NOT NULL,
  points INTEGER NOT NULL,
  PRIMARY KEY (p, creator_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_creator ON stripe (creator_id);

-- One settled gift. Double entry: coins leave the sender's wallet and are spent; the same number of points is
-- credited to the receiver's stripe. `prev` is the partition's previous gift in that room.
CREATE TABLE gift (
  p INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  gift_event_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  receiver_id TEXT NOT NULL,
  room_id TEXT NOT NULL,
  gift_id TEXT NOT NULL,
  catalogue_version INTEGER NOT NULL,
  rate_version INTEGER NOT NULL,
  price_coins INTEGER NOT NULL,
  count INTEGER NOT NULL,
  coins INTEGER NOT NULL,
  points INTEGER NOT NULL,
  anonymous INTEGER NOT NULL,
  message TEXT,
  salt BLOB NOT NULL,
  text_hash TEXT NOT NULL,
  balance INTEGER NOT NULL,              -- of the sender, after it
  earned INTEGER NOT NULL,               -- of the receiver's stripe, after it
  prev INTEGER NOT NULL,
  PRIMARY KEY (p, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX gift_identity ON gift (sender_id, gift_event_id);
CREATE INDEX gift_room ON gift (room_id, p, seq);

-- A change of a wallet that is not a gift. It is asked for here first (number), then carried into the hot wallet
-- in the order of the numbers, and has happened or was rejected once seq stands beside it.
CREATE TABLE movement (
  p INTEGER NOT NULL,
  number INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  coins INTEGER NOT NULL,
  asked_ms INTEGER NOT NULL,
  seq INTEGER,
  epoch INTEGER,
  ts_ms INTEGER,
  outcome TEXT,                          -- 'applied' or why it was rejected
  balance INTEGER,
  PRIMARY KEY (p, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX movement_event ON movement (p, seq) WHERE seq IS NOT NULL;
CREATE INDEX movement_user ON movement (user_id);

CREATE TABLE room_mark (
  room_id TEXT NOT NULL,
  p INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (room_id, p)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_behind (
  room_id TEXT PRIMARY KEY,
  since_ms INTEGER NOT NULL
) STRICT;
