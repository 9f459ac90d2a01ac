import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed, SNAPSHOT_WAIT_MS } from "../sdk/feed.js";
import { giftEvent } from "./world.js";

const EMPTY = { totals: { coins: 0, gifts: 0, senders: 0 }, top: [], combos: [], viewers: 1 };

/** @param {string} epoch @param {any[]} events @returns {any} */
const frame = (epoch, events) => ({
  type: "room", room: "r1", epoch, offset: events.at(-1).offset, events, totals: { coins: 100, gifts: 100, senders: 9 },
});

function liveAt(offset = 10) {
  const feed = new Feed("r1");
  feed.receive({ type: "subscribed", id: 1, room: "r1", epoch: "a", offset, recovered: false, events: [], snapshot: EMPTY }, 0);
  return feed;
}

test("frames go on from the snapshot, repeats are dropped", () => {
  const feed = liveAt();
  const events = [giftEvent({ offset: 11 }), giftEvent({ offset: 12 })];
  assert.deepEqual(feed.receive(frame("a", events), 0)?.events, events);
  assert.equal(feed.receive(frame("a", events), 0), null);
  assert.deepEqual(feed.since, { epoch: "a", offset: 12 });
  assert.equal(feed.state.totals.coins, 100);
});

test("half a repeated frame brings its new half", () => {
  const feed = liveAt();
  feed.receive(frame("a", [giftEvent({ offset: 11 })]), 0);
  const news = feed.receive(frame("a", [giftEvent({ offset: 11 }), giftEvent({ offset: 12 })]), 0);
  assert.deepEqual(news?.events.map(({ offset }) => offset), [12]);
});

test("a hole is never applied: the feed asks again from where it stands", () => {
  const feed = liveAt();
  assert.equal(feed.receive(frame("a", [giftEvent({ offset: 13 })]), 7), null);
  assert.deepEqual([feed.dueMs, feed.since, feed.holes], [7, { epoch: "a", offset: 10 }, 1]);
});

test("recovered events come once and in order", () => {
  const feed = liveAt();
  feed.lost();
  const events = [giftEvent({ offset: 11 }), giftEvent({ offset: 12 })];
  const reply = { type: "subscribed", id: 2, room: "r1", epoch: "a", offset: 12, recovered: true, events, totals: { coins: 8, gifts: 8, senders: 4 }, snapshot: null };
  assert.deepEqual(feed.receive(/** @type {any} */ (reply), 0)?.events, events);
  assert.equal(feed.state.totals.senders, 4);
  assert.equal(feed.receive(frame("a", events), 0), null);
});

test("a new epoch shows what is new, nothing twice, and waits for its snapshot", () => {
  const feed = liveAt();
  feed.receive(frame("a", [giftEvent({ offset: 11 })]), 0);
  const again = frame("b", [giftEvent({ offset: 1, event_id: "e11" }), giftEvent({ offset: 2, event_id: "fresh" })]);
  assert.deepEqual(feed.receive(again, 50)?.events.map(({ event_id }) => event_id), ["fresh"]);
  assert.deepEqual([feed.since, feed.dueMs], [null, 50 + SNAPSHOT_WAIT_MS]);
  feed.receive({ type: "snapshot", room: "r1", epoch: "b", offset: 2, snapshot: EMPTY }, 60);
  assert.deepEqual([feed.since, feed.dueMs], [{ epoch: "b", offset: 2 }, null]);
});

test("an unknown event moves the offset and is not handed on", () => {
  const feed = liveAt();
  assert.deepEqual(feed.receive(frame("a", [{ type: "goal", offset: 11, event_id: "g" }]), 0)?.events, []);
  assert.equal(feed.offset, 11);
});

/** @param {string} cursor @param {...string} ids @returns {any} */
const missed = (cursor, ...ids) => ({
  type: "missed", room: "r1", cursor, events: ids.map((event_id) => ({ ...giftEvent({ offset: 0, event_id }), combo: null })),
});

test("a creator's feed gives its last cursor back, of frames that it applied", () => {
  const feed = new Feed("r1", "creator");
  feed.receive({ type: "subscribed", id: 1, room: "r1", epoch: "a", offset: 10, recovered: false, events: [], snapshot: EMPTY, cursor: "c10" }, 0);
  feed.receive({ ...frame("a", [giftEvent({ offset: 12 })]), cursor: "c12" }, 0);
  feed.phase = "live";
  assert.deepEqual(feed.since, { epoch: "a", offset: 10, cursor: "c10" });
  feed.receive({ ...frame("a", [giftEvent({ offset: 11 })]), cursor: "c11" }, 0);
  assert.deepEqual(feed.since, { epoch: "a", offset: 11, cursor: "c11" });
});

test("missed gifts are handed on once and leave the state to the snapshot", () => {
  const feed = new Feed("r1", "creator");
  feed.receive({ type: "subscribed", id: 1, room: "r1", epoch: "a", offset: 10, recovered: false, events: [], snapshot: EMPTY, cursor: "c10" }, 0);
  feed.receive({ ...frame("a", [giftEvent({ offset: 11, event_id: "x" })]), cursor: "c11" }, 0);
  feed.lost();
  assert.deepEqual(feed.receive(missed("p1", "x", "y"), 0)?.events.map(({ event_id }) => event_id), ["y"]);
  assert.deepEqual(feed.since, { epoch: "a", offset: 11, cursor: "p1" });
  assert.equal(feed.state.totals.coins, 100);
  const news = feed.receive({ type: "subscribed", id: 2, room: "r1", epoch: "b", offset: 3, recovered: false, events: [], snapshot: EMPTY, cursor: "c3" }, 0);
  assert.deepEqual([news?.restored, feed.state.totals.coins, feed.since], [true, 0, { epoch: "b", offset: 3, cursor: "c3" }]);
});
