-- Who did what to this deployment. Append-only and chained: `chain` is SHA-256 over the previous line's and this one's
-- core, in which `body` (reason, before, after; JSON) stands as a salted hash, so that a person in it can be erased.

CREATE TABLE audit_head (
  one bigint PRIMARY KEY CHECK (one = 1),
  number bigint NOT NULL,
  chain bytea NOT NULL
);
INSERT INTO audit_head SELECT 1, 0, decode(repeat('00', 32), 'hex') FROM book;

CREATE TABLE audit_log (
  number bigint PRIMARY KEY,
  ts_ms bigint NOT NULL,
  actor text NOT NULL,
  verb text NOT NULL,
  subject text NOT NULL,
  body text,                             -- null once erased
  salt bytea NOT NULL,
  body_hash text NOT NULL,
  chain bytea NOT NULL
);
CREATE INDEX audit_subject ON audit_log (subject);
