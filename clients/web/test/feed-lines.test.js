import assert from "node:assert/strict";
import { test } from "node:test";

import { LINES_MAX, withEvents } from "../ui/feed-lines.js";
import { giftEvent } from "./world.js";

test("a combo keeps one line that counts up", () => {
  const events = [1, 2, 3].map((total) => giftEvent({ offset: total, combo: { id: "c", total, coins_total: total } }));
  const lines = withEvents([], [...events, giftEvent({ offset: 4 })]);
  assert.deepEqual(lines.map(({ key, count, points }) => [key, count, points]), [["e4", 1, 1], ["c", 3, 3]]);
});

test("a combo that began before has all of its points", () => {
  const [line] = withEvents([], [giftEvent({ offset: 9, combo: { id: "c", total: 8, coins_total: 8 } })]);
  assert.deepEqual([line?.count, line?.coins, line?.points], [8, 8, 8]);
});

test("a message stays with its combo, and an ended combo is closed", () => {
  const combo = { id: "c", total: 1, coins_total: 1 };
  const lines = withEvents([], [
    giftEvent({ offset: 1, combo, message: "Hello" }),
    giftEvent({ offset: 2, combo: { ...combo, total: 2 } }),
    /** @type {any} */ ({ type: "combo_ended", offset: 3, event_id: "c.end", combo }),
  ]);
  assert.deepEqual(lines.map(({ message, isOpen }) => [message, isOpen]), [["Hello", false]]);
});

test("the list has a limit", () => {
  const events = Array.from({ length: LINES_MAX + 5 }, (_, place) => giftEvent({ offset: place + 1 }));
  const lines = withEvents([], events);
  assert.equal(lines.length, LINES_MAX);
  assert.equal(lines[0]?.key, `e${LINES_MAX + 5}`);
});
