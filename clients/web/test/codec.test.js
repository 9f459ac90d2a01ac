import assert from "node:assert/strict";
import { test } from "node:test";

import { decode } from "@msgpack/msgpack";

import { Client } from "../sdk/client.js";
import { json } from "../sdk/codec.js";
import { msgpack } from "../sdk/msgpack.js";
import { World, giftEvent } from "./world.js";

/** @param {string | Uint8Array<ArrayBuffer>} frame */
const received = (frame) => (typeof frame === "string" ? frame : frame.slice().buffer);

for (const codec of [json, msgpack]) {
  test(`${codec.subprotocol}: a field that is undefined is absent, and null is null`, () => {
    const frame = codec.encode({ type: "send", id: 1, count: undefined, message: null });
    assert.deepEqual(codec.decode(received(frame)), { type: "send", id: 1, message: null });
  });

  test(`${codec.subprotocol}: coins stay whole up to 2**53 - 1`, () => {
    for (const coins of [0, 1, 127, 128, 2 ** 32, 4e15, Number.MAX_SAFE_INTEGER, -1, -(2 ** 40)]) {
      assert.deepEqual(codec.decode(received(codec.encode({ coins }))), { coins });
    }
  });
}

test("MessagePack carries whole numbers as integers", () => {
  const frame = /** @type {Uint8Array} */ (msgpack.encode({ coins: 2 ** 40 }));
  assert.deepEqual(decode(frame, { useBigInt64: true }), { coins: 2n ** 40n });
});

test("a client with MessagePack asks for it, gifts and sees, and text is no frame of it", async () => {
  const world = new World();
  const { timers, WebSocket } = world;
  const client = new Client({ url: "ws://test/v1/ws", token: "t", codec: msgpack, timers, WebSocket, chance: () => 0.5 });
  client.open();
  await world.advance(0);
  assert.equal(world.socket.subprotocol, "livegift.v1.msgpack");
  world.socket.accept();
  const following = client.follow("r1");
  /** @type {unknown[]} */
  const seen = [];
  following.on("events", ({ events }) => seen.push(...events));
  const { id } = world.socket.all("subscribe")[0];
  const totals = { coins: 0, gifts: 0, senders: 0 };
  const snapshot = { totals, top: [], combos: [], viewers: 1 };
  world.socket.say({ type: "subscribed", id, room: "r1", epoch: "1", offset: 0, recovered: false, events: [], totals, snapshot });
  const gift = client.send({ room: "r1", gift: "rose", price_coins: 1 });
  assert.equal(world.socket.all("send")[0].gift_event_id, gift.id);
  world.socket.onmessage({ data: "garbage" });
  world.socket.say({ type: "room", room: "r1", epoch: "1", offset: 1, events: [giftEvent({ offset: 1 })], totals });
  assert.deepEqual(seen, [giftEvent({ offset: 1 })]);
});
