-- Who did what to this deployment. Append-only and chained: `chain` is SHA-256 over the previous line's and this one's
-- core, in which `body` (reason, before, after; JSON) stands as a salted hash, so that a person in it can be erased.

CREATE TABLE audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,
  chain BLOB NOT NULL
) STRICT;
INSERT INTO audit_head SELECT 1, 0, zeroblob(32) FROM book;

CREATE TABLE audit_log (
  number INTEGER PRIMARY KEY,
  ts_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  verb TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT,                             -- null once erased
  salt BLOB NOT NULL,
  body_hash TEXT NOT NULL,
  chain BLOB NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit_log (subject);
