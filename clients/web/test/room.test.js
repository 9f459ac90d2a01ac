import assert from "node:assert/strict";
import { test } from "node:test";

import { RoomState } from "../sdk/room.js";
import { giftEvent } from "./world.js";

const ROSE = { id: "rose", name: "Rose", price_coins: 1, tier: 1 };
const LUNA = { id: "luna", name: "Luna" };

/** @param {string} id @param {number} coins_total */
const sender = (id, coins_total) => ({ id, name: id.toUpperCase(), anonymous: false, coins_total });

test("folded events equal the server's snapshot", () => {
  const state = new RoomState();
  state.fold(giftEvent({ offset: 1, sender: sender("a", 2), count: 2, coins: 2, combo: { id: "e1", total: 2, coins_total: 2 } }));
  state.fold(giftEvent({ offset: 2, sender: sender("b", 7), count: 7, coins: 7 }));
  state.fold(giftEvent({ offset: 3, sender: sender("a", 5), count: 3, coins: 3, combo: { id: "e1", total: 5, coins_total: 5 } }));
  assert.deepEqual(state.snapshot(), {
    totals: { coins: 12, gifts: 12, senders: 2 },
    top: [
      { id: "b", name: "B", coins_total: 7 },
      { id: "a", name: "A", coins_total: 5 },
    ],
    combos: [{ id: "e1", sender: { id: "a", name: "A" }, receiver: LUNA, gift: ROSE, total: 5, coins_total: 5 }],
    viewers: 0,
  });
});

test("equal sums rank by who came first, however often they overtake each other", () => {
  const state = new RoomState();
  state.fold(giftEvent({ offset: 1, sender: sender("a", 1) }));
  state.fold(giftEvent({ offset: 2, sender: sender("b", 1) }));
  assert.deepEqual(state.top().map(({ id }) => id), ["a", "b"]);
});

test("an anonymous gift counts in the totals and nowhere else", () => {
  const state = new RoomState();
  state.fold(giftEvent({ offset: 1, sender: { id: null, name: null, anonymous: true, coins_total: null }, coins: 5 }));
  assert.equal(state.totals.coins, 5);
  assert.deepEqual([state.top(), state.combos], [[], []]);
});

test("a combo ends, a test gift counts nowhere, an unknown event is ignored", () => {
  const state = new RoomState();
  state.fold(giftEvent({ offset: 1, combo: { id: "e1", total: 1, coins_total: 1 } }));
  state.fold(/** @type {any} */ ({ type: "combo_ended", offset: 2, event_id: "e1.end", combo: { id: "e1" } }));
  state.fold(giftEvent({ offset: 3, test: true, coins: 44_999 }));
  state.fold(/** @type {any} */ ({ type: "battle", offset: 4, event_id: "e4" }));
  assert.deepEqual([state.combos, state.totals.coins], [[], 1]);
});

test("a snapshot forgets what it doesn't hold", () => {
  const state = new RoomState();
  state.fold(giftEvent({ offset: 1, combo: { id: "e1", total: 1, coins_total: 1 } }));
  const snapshot = { totals: { coins: 9, gifts: 9, senders: 3 }, top: [], combos: [], viewers: 4 };
  state.restore(snapshot);
  assert.deepEqual(state.snapshot(), snapshot);
});

test("the creator's sums follow the snapshot and then the events", () => {
  const state = new RoomState();
  const session = { coins: 5, points: 5, gifts: 5 };
  state.restore({ totals: { coins: 5, gifts: 5, senders: 1 }, top: [], combos: [], viewers: 1, points_total: 70, session });
  state.fold(giftEvent({ offset: 1 }));
  assert.deepEqual([state.pointsTotal, state.session], [70, session]);
  state.fold(giftEvent({ offset: 2, points_total: 71, session: { coins: 6, points: 6, gifts: 6 } }));
  assert.deepEqual([state.pointsTotal, state.session?.coins], [71, 6]);
});
