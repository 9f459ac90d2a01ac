import assert from "node:assert/strict";
import { test } from "node:test";

import { uuid7, uuid7Ms } from "../sdk/uuid7.js";

// The example of RFC 9562, appendix A.6, with all of its chance set.
test("an id has version 7, variant 10 and its time", () => {
  const id = uuid7(1_645_557_742_000, (bytes) => bytes.fill(0xff));
  assert.equal(id, "017f22e2-79b0-7fff-bfff-ffffffffffff");
  assert.equal(uuid7Ms(id), 1_645_557_742_000);
});

test("ids of one millisecond differ", () => {
  assert.equal(new Set(Array.from({ length: 1_000 }, () => uuid7(1))).size, 1_000);
});

test("ids sort by time", () => {
  const ids = [5, 70_000, 1_795_518_005_658].map((timeMs) => uuid7(timeMs));
  assert.deepEqual([...ids].sort(), ids);
});
