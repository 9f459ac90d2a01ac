-- The book: everything that is true about money. Times are milliseconds since 1970, coins and points are whole.

CREATE TABLE book (
  one bigint PRIMARY KEY CHECK (one = 1),
  incarnation bigint NOT NULL,          -- counts restores from a backup; part of every Redis key
  partitions bigint NOT NULL,
  created_ms bigint NOT NULL
);

CREATE TABLE partition (
  p bigint PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 0,      -- of the journal that the mark counts in
  mark bigint NOT NULL DEFAULT 0,       -- seq of the last event in the book
  announced bigint NOT NULL DEFAULT 0,  -- rooms have seen at least this; may lag, never leads
  generation bigint NOT NULL DEFAULT 0, -- of the hot wallets
  inbox_given bigint NOT NULL DEFAULT 0,
  inbox_done bigint NOT NULL DEFAULT 0,
  clock_ms bigint NOT NULL DEFAULT 0,   -- of the last event
  chain bytea NOT NULL,                   -- head of the hash chain at the mark
  coins_issued bigint NOT NULL DEFAULT 0,
  coins_spent bigint NOT NULL DEFAULT 0
);

CREATE TABLE person (
  id text PRIMARY KEY,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('viewer', 'creator')),
  created_ms bigint NOT NULL
);

CREATE TABLE room (
  id text PRIMARY KEY,
  title text NOT NULL,
  creator_id text NOT NULL REFERENCES person (id),
  created_ms bigint NOT NULL,
  closed_at_ms bigint
);
CREATE INDEX room_open ON room (closed_at_ms);

CREATE TABLE rate (
  version bigint PRIMARY KEY,
  usd_micros_per_point bigint NOT NULL,
  from_ms bigint NOT NULL
);

CREATE TABLE catalogue (
  version bigint NOT NULL,
  id text NOT NULL,
  place bigint NOT NULL,
  name text NOT NULL,
  price_coins bigint NOT NULL CHECK (price_coins > 0),
  tier bigint NOT NULL,
  streakable bigint NOT NULL,
  image text NOT NULL,
  active bigint NOT NULL,
  PRIMARY KEY (version, id)
);

CREATE TABLE wallet (
  user_id text PRIMARY KEY,
  p bigint NOT NULL,
  coins bigint NOT NULL,
  frozen bigint NOT NULL DEFAULT 0,
  last_seq bigint NOT NULL
);

CREATE TABLE stripe (
  p bigint NOT NULL,
  creator_id text NOT NULL,
  points bigint NOT NULL,
  PRIMARY KEY (p, creator_id)
);
CREATE INDEX stripe_creator ON stripe (creator_id);

-- One settled gift. Double entry: coins leave the sender's wallet and are spent; the same number of points is
-- credited to the receiver's stripe. `prev` is the partition's previous gift in that room.
CREATE TABLE gift (
  p bigint NOT NULL,
  seq bigint NOT NULL,
  epoch bigint NOT NULL,
  ts_ms bigint NOT NULL,
  gift_event_id text COLLATE "C" NOT NULL,
  digest text NOT NULL,
  sender_id text NOT NULL,
  receiver_id text NOT NULL,
  room_id text NOT NULL,
  gift_id text NOT NULL,
  catalogue_version bigint NOT NULL,
  rate_version bigint NOT NULL,
  price_coins bigint NOT NULL,
  count bigint NOT NULL,
  coins bigint NOT NULL,
  points bigint NOT NULL,
  anonymous bigint NOT NULL,
  message text,
  salt bytea NOT NULL,
  text_hash text NOT NULL,
  balance bigint NOT NULL,              -- of the sender, after it
  earned bigint NOT NULL,               -- of the receiver's stripe, after it
  prev bigint NOT NULL,
  PRIMARY KEY (p, seq)
);
CREATE UNIQUE INDEX gift_identity ON gift (sender_id, gift_event_id);
CREATE INDEX gift_room ON gift (room_id, p, seq);

-- A change of a wallet that is not a gift. It is asked for here first (number), then carried into the hot wallet
-- in the order of the numbers, and has happened or was rejected once seq stands beside it.
CREATE TABLE movement (
  p bigint NOT NULL,
  number bigint NOT NULL,
  user_id text NOT NULL,
  kind text NOT NULL,
  coins bigint NOT NULL,
  asked_ms bigint NOT NULL,
  seq bigint,
  epoch bigint,
  ts_ms bigint,
  outcome text,                          -- 'applied' or why it was rejected
  balance bigint,
  PRIMARY KEY (p, number)
);
CREATE UNIQUE INDEX movement_event ON movement (p, seq) WHERE seq IS NOT NULL;
CREATE INDEX movement_user ON movement (user_id);

CREATE TABLE room_mark (
  room_id text NOT NULL,
  p bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (room_id, p)
);

CREATE TABLE room_behind (
  room_id text PRIMARY KEY,
  since_ms bigint NOT NULL
);
