-- What was signed, and when: see domain/proof.py. `marks` of the last one say where the next begins.

CREATE TABLE checkpoint (
  number INTEGER PRIMARY KEY,
  ts_ms INTEGER NOT NULL,
  body TEXT NOT NULL,                    -- the JSON that is signed
  signature TEXT NOT NULL                -- Ed25519, hex
) STRICT;
