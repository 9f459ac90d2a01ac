import assert from "node:assert/strict";
import { test } from "node:test";

import { SCENES_MAX, SceneQueue } from "../stage/scene-queue.js";
import { LINGER_MS, TrayRows, WAITING_MAX, countOf } from "../stage/tray-rows.js";

/** @param {object} fields @returns {any} */
const playing = (fields) => ({
  key: "k", eventId: "e", image: "", sender: { id: "s", name: "Ada" }, count: 1, total: 1, coins: 1, isOwn: false,
  gift: { id: "rose", name: "Rose", price_coins: 1, tier: 1 }, ...fields,
});
/** @param {string} key @param {number} tier @param {number} coins @param {boolean} [isOwn] */
const scene = (key, tier, coins, isOwn = false) => playing({ key, coins, isOwn, gift: { id: key, name: key, price_coins: coins, tier } });

test("scenes play by tier, then own, then coins, then arrival", () => {
  const queue = new SceneQueue();
  for (const one of [scene("a", 3, 500), scene("b", 4, 10_000), scene("c", 3, 5_000), scene("d", 3, 500), scene("e", 3, 500, true)]) queue.push(one);
  assert.deepEqual(Array.from({ length: 5 }, () => queue.next()?.key), ["b", "e", "c", "a", "d"]);
});

test("a full queue sheds the cheapest", () => {
  const queue = new SceneQueue();
  for (let place = 0; place < SCENES_MAX; place += 1) assert.equal(queue.push(scene(`s${place}`, 3, 500)), null);
  assert.equal(queue.push(scene("dear", 4, 44_999))?.key, `s${SCENES_MAX - 1}`);
});

test("a row counts what is announced plus own gifts on their way, and never goes back", () => {
  const rows = new TrayRows(4);
  rows.take(playing({ key: "c", eventId: "e1", total: null, isOwn: true }), 0);
  rows.take(playing({ key: "c", eventId: "e2", total: null, isOwn: true }), 0);
  const row = /** @type {import("../stage/tray-rows.js").Row} */ (rows.shown.get("c"));
  assert.equal(countOf(row), 2);
  rows.take(playing({ key: "c", eventId: "e1", total: 1, isOwn: true }), 0);
  assert.equal(countOf(row), 2);
  rows.take(playing({ key: "c", eventId: "e2", total: 2, isOwn: true }), 0);
  assert.equal(countOf(row), 2);
});

test("the next own gift of a combo finds its row until the combo has ended", () => {
  const rows = new TrayRows(4);
  rows.take(playing({ key: "c", isOwn: true }), 1_000);
  assert.equal(rows.ownKey("rose", 1_000), "c");
  assert.equal(rows.ownKey("rose", 1_001), null);
  rows.end("c");
  assert.equal(rows.ownKey("rose", 0), null);
});

test("a full tray lets rows wait, sheds the cheapest, and moves the dearest up", () => {
  const rows = new TrayRows(1);
  rows.take(playing({ key: "first" }), 0);
  for (let place = 0; place < WAITING_MAX + 3; place += 1) rows.take(playing({ key: `w${place}`, total: place + 1 }), 0);
  assert.equal(rows.waiting.size, WAITING_MAX);
  assert.deepEqual(rows.sweep(LINGER_MS), ["first"]);
  assert.deepEqual([...rows.shown.keys()], [`w${WAITING_MAX + 2}`]);
});

test("who sends sees it, even in a full tray", () => {
  const rows = new TrayRows(2);
  rows.take(playing({ key: "dear", total: 99 }), 0);
  rows.take(playing({ key: "cheap" }), 0);
  rows.take(playing({ key: "mine", isOwn: true }), 0);
  assert.deepEqual([...rows.shown.keys()], ["dear", "mine"]);
  assert.deepEqual([...rows.waiting.keys()], ["cheap"]);
});
