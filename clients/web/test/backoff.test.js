import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, BASE_MS, CAP_MS, STABLE_MS } from "../sdk/backoff.js";

test("the ceiling doubles up to its cap", () => {
  const backoff = new Backoff(() => 0.999999);
  const delays = Array.from({ length: 8 }, () => backoff.nextMs() + 1);
  assert.deepEqual(delays, [BASE_MS, 1_000, 2_000, 4_000, CAP_MS, CAP_MS, CAP_MS, CAP_MS]);
});

test("jitter is full: the shortest delay is none", () => {
  assert.equal(new Backoff(() => 0).nextMs(), 0);
});

test("a stable connection starts the delays over, a short one does not", () => {
  const backoff = new Backoff(() => 0.5);
  backoff.nextMs();
  backoff.connectionEnded(STABLE_MS - 1);
  assert.equal(backoff.attempts, 1);
  backoff.connectionEnded(STABLE_MS);
  assert.equal(backoff.attempts, 0);
});
