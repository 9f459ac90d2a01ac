-- What was signed, and when: see domain/proof.py. `marks` of the last one say where the next begins.

CREATE TABLE checkpoint (
  number bigint PRIMARY KEY,
  ts_ms bigint NOT NULL,
  body text NOT NULL,                    -- the JSON that is signed
  signature text NOT NULL                -- Ed25519, hex
);
