-- What platforms do over HTTP: their keys, what they have asked for under an id of their own, and whose sessions ended.

CREATE TABLE api_key (
  id text PRIMARY KEY,
  name text NOT NULL,
  fingerprint text NOT NULL UNIQUE,      -- SHA-256 of the text, which is shown once
  scopes text NOT NULL,                  -- with spaces between
  created_ms bigint NOT NULL,
  revoked_ms bigint
);

-- One request that must not be carried out twice. `result` names what it has begun: the same answer is made of it again.
CREATE TABLE request (
  actor text NOT NULL,
  key text NOT NULL,                     -- the Idempotency-Key
  digest text NOT NULL,                  -- of what was asked
  result text NOT NULL,                  -- JSON
  asked_ms bigint NOT NULL,
  PRIMARY KEY (actor, key)
);

-- Tokens of this user issued up to then are good no more; forgotten when none of them could live any longer.
CREATE TABLE revocation (
  user_id text PRIMARY KEY,
  before_ms bigint NOT NULL,
  until_ms bigint NOT NULL
);
CREATE INDEX revocation_before ON revocation (before_ms);
