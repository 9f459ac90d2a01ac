import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../sdk/client.js";
import { uuid7Ms } from "../sdk/uuid7.js";
import { World, giftEvent } from "./world.js";

const ORDER = { room: "r1", gift: "rose", price_coins: 1 };
const EMPTY = { totals: { coins: 0, gifts: 0, senders: 0 }, top: [], combos: [], viewers: 1 };

async function connected() {
  const world = new World();
  const client = new Client({ url: "ws://test/v1/ws", token: "t", timers: world.timers, WebSocket: world.WebSocket, chance: () => 0.5 });
  client.open();
  await world.advance(0);
  world.socket.accept();
  return { world, client };
}

/** Drop the line and come back. @param {World} world */
async function comeBack(world) {
  world.socket.drop();
  await world.advance(6_000);
  world.socket.accept();
}

test("the token goes in the first frame", async () => {
  const { world, client } = await connected();
  assert.deepEqual(world.socket.sent[0], { type: "connect", id: 0, token: "t" });
  assert.deepEqual([client.status, client.user?.name, client.balance], ["connected", "Mia", 1_000]);
});

test("an id is made on the server's time", async () => {
  const { world, client } = await connected();
  await world.advance(1_234);
  assert.equal(uuid7Ms(client.send(ORDER).id ?? ""), 1_800_000_001_234);
});

test("an unsettled gift is sent again with its id on the next connection, a settled one is not", async () => {
  const { world, client } = await connected();
  const [kept, done] = [client.send(ORDER), client.send(ORDER)];
  world.socket.say({ type: "accepted", id: 2, gift_event_id: done.id, event_id: "e2", balance: 998 });
  world.socket.say({ type: "settled", gifts: [{ gift_event_id: done.id, event_id: "e2" }] });
  assert.equal(await done.settled, "e2");
  await comeBack(world);
  assert.deepEqual(world.socket.all("send").map(({ gift_event_id }) => gift_event_id), [kept.id]);
});

test("a gift sent while offline leaves once the line stands", async () => {
  const { world, client } = await connected();
  world.socket.drop();
  const gift = client.send(ORDER);
  await world.advance(6_000);
  world.socket.accept();
  assert.deepEqual(world.socket.all("send").map(({ gift_event_id }) => gift_event_id), [gift.id]);
});

test("a temporary refusal waits as told and repeats the id", async () => {
  const { world, client } = await connected();
  const gift = client.send(ORDER);
  const id = world.socket.all("send")[0].id;
  world.socket.say({ type: "error", id, error: { code: "rate_limited", message: "", temporary: true, retry_after_ms: 400 } });
  await world.advance(399);
  assert.equal(world.socket.all("send").length, 1);
  await world.advance(300);
  const again = world.socket.all("send")[1];
  assert.deepEqual([again.gift_event_id, again.id !== id, gift.state], [gift.id, true, "waiting"]);
});

test("a room that is refused for now is asked for again, spread out; one that is refused for good is not", async () => {
  const { world, client } = await connected(); // whose chance is 0.5
  const following = client.follow("r1");
  /** @type {any[]} */
  const refused = [];
  following.on("refused", (error) => refused.push(error));
  const error = { code: "unavailable", message: "", temporary: true, retry_after_ms: 400 };
  world.socket.say({ type: "error", id: world.socket.all("subscribe")[0].id, error });
  await world.advance(499);
  assert.equal(world.socket.all("subscribe").length, 1);
  await world.advance(1);
  const { id } = world.socket.all("subscribe")[1];
  world.socket.say({ type: "error", id, error: { code: "unknown_room", message: "No.", temporary: false } });
  await world.advance(20_000);
  assert.deepEqual([world.socket.all("subscribe").length, refused.map(({ code }) => code)], [2, ["unknown_room"]]);
});

test("a cursor that the server refuses is forgotten, and the room asked for anew", async () => {
  const { world, client } = await connected();
  client.follow("r1", { feed: "creator" });
  const [{ id }] = world.socket.all("subscribe");
  world.socket.say({ type: "subscribed", id, room: "r1", epoch: "a", offset: 5, recovered: false, events: [], snapshot: EMPTY, cursor: "c5" });
  await comeBack(world);
  const [asked] = world.socket.all("subscribe");
  assert.deepEqual(asked.since, { epoch: "a", offset: 5, cursor: "c5" });
  const error = { code: "bad_request", message: "", temporary: false };
  world.socket.say({ type: "error", id: asked.id, error });
  assert.equal(world.socket.all("subscribe")[1].since, undefined);
});

test("a long catch-up of the creator's feed is waited for", async () => {
  const { world, client } = await connected();
  /** @type {boolean[]} */
  const missed = [];
  client.follow("r1", { feed: "creator" }).on("events", (news) => missed.push(news.missed));
  for (let page = 0; page < 4; page += 1) {
    await world.advance(5_000);
    world.socket.say({ type: "missed", room: "r1", cursor: `p${page}`, events: [giftEvent({ offset: 0, event_id: `m${page}` })] });
  }
  assert.deepEqual([world.socket.all("subscribe").length, missed], [1, [true, true, true, true]]);
  await world.advance(10_000);
  assert.equal(world.socket.all("subscribe")[1].since.cursor, "p3");
});

test("a refusal is final, and its balance is believed", async () => {
  const { world, client } = await connected();
  const gift = client.send(ORDER);
  const error = { code: "insufficient_coins", message: "No.", temporary: false, balance: 0, needed: 1 };
  world.socket.say({ type: "error", id: world.socket.all("send")[0].id, error });
  await assert.rejects(gift.accepted, { code: "insufficient_coins" });
  assert.deepEqual([client.balance, client.unsettled], [0, 0]);
});

test("a gift that nobody answers is asked about by sending it again", async () => {
  const { world, client } = await connected();
  client.send(ORDER);
  await world.advance(10_000);
  assert.equal(new Set(world.socket.all("send").map(({ gift_event_id }) => gift_event_id)).size, 1);
  assert.equal(world.socket.all("send").length, 2);
});

test("a replayed receipt's balance is old and ignored; a new event id replaces the old", async () => {
  const { world, client } = await connected();
  const gift = client.send(ORDER);
  /** @type {any[]} */
  const heard = [];
  gift.on("accepted", (detail) => heard.push(detail));
  world.socket.say({ type: "accepted", id: 1, gift_event_id: gift.id, event_id: "old", balance: 999 });
  world.socket.say({ type: "accepted", id: 2, gift_event_id: gift.id, event_id: "old", balance: 5, replayed: true, settled: false });
  world.socket.say({ type: "accepted", id: null, gift_event_id: gift.id, event_id: "new", balance: 998 });
  assert.deepEqual(heard.map(({ event_id, replaces }) => [event_id, replaces]), [["old", null], ["new", "old"]]);
  assert.equal(client.balance, 998);
});

test("a room resumes from where it stood and shows each event once", async () => {
  const { world, client } = await connected();
  const following = client.follow("r1");
  /** @type {string[]} */
  const shown = [];
  following.on("events", ({ events }) => shown.push(...events.map(({ event_id }) => event_id)));
  const { id } = world.socket.all("subscribe")[0];
  world.socket.say({ type: "subscribed", id, room: "r1", epoch: "a", offset: 5, recovered: false, events: [], snapshot: EMPTY });
  const first = giftEvent({ offset: 6 });
  world.socket.say({ type: "room", room: "r1", epoch: "a", offset: 6, events: [first], totals: EMPTY.totals });
  await comeBack(world);
  const again = world.socket.all("subscribe")[0];
  assert.deepEqual(again.since, { epoch: "a", offset: 6 });
  const events = [giftEvent({ offset: 7 })];
  world.socket.say({ type: "subscribed", id: again.id, room: "r1", epoch: "a", offset: 7, recovered: true, events, snapshot: null });
  assert.deepEqual(shown, ["e6", "e7"]);
});

for (const code of [1002, 1003, 1007, 1009, 4400, 4401, 4403, 4408, 4409]) {
  test(`close code ${code} ends it`, async () => {
    const { world, client } = await connected();
    world.socket.drop(code);
    await world.advance(60_000);
    assert.deepEqual([client.status, world.sockets.length], ["ended", 1]);
  });
}

for (const code of [1000, 1001, 1006, 1011, 1012, 4500, 4501, 4502]) {
  test(`after close code ${code} it comes back`, async () => {
    const { world, client } = await connected();
    world.socket.drop(code);
    assert.equal(client.status, "offline");
    await world.advance(6_000);
    assert.equal(world.sockets.length, 2);
  });
}

test("a server that drains is left and found again, not before it said", async () => {
  const { world } = await connected();
  world.socket.say({ type: "reconnect", after_ms: 3_000 });
  await world.advance(2_999);
  assert.equal(world.sockets.length, 1);
  await world.advance(3_000);
  assert.equal(world.sockets.length, 2);
});

test("a server that drains is listened to until the moment it gave", async () => {
  const { world, client } = await connected();
  const following = client.follow("r1");
  await world.advance(0);
  world.socket.say({ type: "reconnect", after_ms: 3_000 });
  await world.advance(2_000);
  world.socket.say({ type: "viewers", room: "r1", viewers: 7 });
  assert.deepEqual([client.status, following.state.viewers], ["connected", 7]);
  await world.advance(1_001);
  assert.equal(world.sockets.length, 2);
});

test("a server that closes before the moment it gave finds its clients back then, and not earlier", async () => {
  const { world } = await connected();
  world.socket.say({ type: "reconnect", after_ms: 3_000 });
  await world.advance(1_000);
  world.socket.drop(1012);
  await world.advance(1_999);
  assert.equal(world.sockets.length, 1);
  await world.advance(2);
  assert.equal(world.sockets.length, 2);
});

test("how many watch is told outside the sequence, and only of rooms that are followed", async () => {
  const { world, client } = await connected();
  const following = client.follow("r1");
  /** @type {number[]} */
  const seen = [];
  following.on("viewers", (viewers) => seen.push(viewers));
  world.socket.say({ type: "viewers", room: "r1", viewers: 12_345 });
  world.socket.say({ type: "viewers", room: "r2", viewers: 1 });
  assert.deepEqual([seen, following.state.viewers], [[12_345], 12_345]);
});

test("a dead line is noticed by a ping that nobody answers", async () => {
  const { world, client } = await connected();
  await world.advance(25_000);
  assert.equal(world.socket.all("ping").length, 1);
  await world.advance(8_000);
  assert.notEqual(client.status, "connected");
});

test("what became of an earlier send is asked by its id, until that id's window ends", async () => {
  const { world, client } = await connected();
  const id = client.newGiftId();
  assert.equal(uuid7Ms(id), 1_800_000_000_000);
  await world.advance(20_000);
  const gift = client.send({ ...ORDER, gift_event_id: id });
  const [sent] = world.socket.all("send");
  assert.deepEqual([sent.gift_event_id, gift.id], [id, id]);
  assert.throws(() => client.send({ ...ORDER, gift_event_id: id }), /on its way/);
  world.socket.drop(4403);
  await world.advance(15 * 60_000 - 20_000);
  await assert.rejects(gift.settled, { code: "unknown_outcome" });
});

test("a token that could not be renewed is asked for again", async () => {
  const world = new World();
  const tokens = ["t1", null, "t2"];
  const token = async () => tokens.shift() ?? Promise.reject(new Error("the backend is away"));
  const client = new Client({ url: "ws://test/v1/ws", token, timers: world.timers, WebSocket: world.WebSocket });
  client.open();
  await world.advance(0);
  world.socket.accept({ lastsMs: 40_000 });
  await world.advance(10_000);
  assert.deepEqual([tokens, world.socket.all("refresh")], [["t2"], []]);
  await world.advance(10_000);
  assert.deepEqual(world.socket.all("refresh").map((command) => command.token), ["t2"]);
});

test("a token from a function is renewed before it ends", async () => {
  const world = new World();
  let asked = 0;
  const token = () => `t${(asked += 1)}`;
  const client = new Client({ url: "ws://test/v1/ws", token, timers: world.timers, WebSocket: world.WebSocket });
  client.open();
  await world.advance(0);
  world.socket.accept();
  for (let place = 0; place < 43; place += 1) {
    await world.advance(20_000);
    world.socket.say({ type: "pong", id: 1, server_time_ms: 1_800_000_000_000 + world.nowMs });
  }
  await world.advance(12_000);
  assert.deepEqual(world.socket.all("refresh").map((command) => command.token), ["t2"]);
});
