-- What platforms do over HTTP: their keys, what they have asked for under an id of their own, and whose sessions ended.

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,      -- SHA-256 of the text, which is shown once
  scopes TEXT NOT NULL,                  -- with spaces between
  created_ms INTEGER NOT NULL,
  revoked_ms INTEGER
) STRICT;

-- One request that must not be carried out twice. `result` names what it has begun: the same answer is made of it again.
CREATE TABLE request (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,                     -- the Idempotency-Key
  digest TEXT NOT NULL,                  -- of what was asked
  result TEXT NOT NULL,                  -- JSON
  asked_ms INTEGER NOT NULL,
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

-- Tokens of this user issued up to then are good no more; forgotten when none of them could live any longer.
CREATE TABLE revocation (
  user_id TEXT PRIMARY KEY,
  before_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_before ON revocation (before_ms);
