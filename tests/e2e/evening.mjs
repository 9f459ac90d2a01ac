// A whole evening of a platform that knows livegift's documents alone: another language, tokens of its own, no SDK of ours.
// node evening.mjs <url> <api key> <jwt secret> ; says "done" if all was as it must be, else throws.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";

const [url, key, secret] = process.argv.slice(2);
const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function token(sub, name, role) {
  const now = Math.floor(Date.now() / 1_000);
  const head = b64({ alg: "HS256", typ: "JWT" });
  const body = b64({ iss: "https://videos.example", aud: "gifts", sub, name, role, iat: now, exp: now + 600 });
  return `${head}.${body}.${createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url")}`;
}

/** A UUIDv7 (RFC 9562, 5.7). */
function uuid7() {
  const bytes = Buffer.concat([Buffer.alloc(6), randomBytes(10)]);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

async function ask(method, path, body, headers = {}) {
  const answer = await fetch(url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, ...(await answer.json()) };
}

class Socket {
  #seen = [];
  #waiting = [];
  #id = 0;

  static async open(jwt) {
    const one = new Socket();
    one.ws = new WebSocket(`${url.replace("http", "ws")}/v1/ws`, "livegift.v1.json");
    one.ws.onmessage = ({ data }) => {
      one.#seen.push(JSON.parse(data));
      for (const look of one.#waiting.splice(0)) look();
    };
    await new Promise((resolve, reject) => Object.assign(one.ws, { onopen: resolve, onerror: reject }));
    assert.equal((await one.ask("connect", { token: jwt })).type, "connected");
    return one;
  }

  async until(fits) {
    for (;;) {
      const at = this.#seen.findIndex(fits);
      if (at >= 0) return this.#seen.splice(at, 1)[0];
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  ask(type, fields) {
    const id = ++this.#id;
    this.ws.send(JSON.stringify({ type, id, ...fields }));
    return this.until((message) => message.id === id);
  }

  event(type) {
    const has = (message) => (message.events ?? []).some((event) => event.type === type);
    return this.until(has).then((message) => message.events.find((event) => event.type === type));
  }
}

// Users, a room, coins.
assert.equal((await ask("PUT", "/v1/users/luna", { name: "Luna", role: "creator" })).status, 201);
assert.equal((await ask("PUT", "/v1/users/ann", { name: "Ann" })).status, 201);
assert.equal((await ask("PUT", "/v1/rooms/tonight", { title: "Tonight", creator: "luna" })).status, 201);
const order = ["POST", "/v1/users/ann/coins", { coins: 500, reason: "order 7" }, { "Idempotency-Key": "order-7" }];
for (let time = 0; time < 2; time++) assert.equal((await ask(...order)).balance, 500);

// A gift, seen by the one who sent it, the creator, and a program that reads what was settled.
const ann = await Socket.open(token("ann", "Ann", "viewer"));
const luna = await Socket.open(token("luna", "Luna", "creator"));
assert.equal((await ann.ask("subscribe", { room: "tonight" })).type, "subscribed");
assert.equal((await luna.ask("subscribe", { room: "tonight", feed: "creator" })).type, "subscribed");
const gift = { room: "tonight", gift_event_id: uuid7(), gift: "rose", price_coins: 1, count: 20, message: "Hello!" };
const receipt = await ann.ask("send", gift);
assert.deepEqual([receipt.type, receipt.balance], ["accepted", 480]);
assert.deepEqual((await ann.ask("send", gift)).event_id, receipt.event_id);
const [seen, earned] = [await ann.event("gift"), await luna.event("gift")];
assert.deepEqual([seen.sender.name, seen.coins, seen.message, seen.event_id], ["Ann", 20, "Hello!", receipt.event_id]);
assert.equal(earned.points_total, 20);
const settled = await ask("GET", "/v1/events");
assert.ok(settled.events.some(({ id }) => id === receipt.event_id));

// Moderation, by the creator's own token and by the platform's key.
const byLuna = { Authorization: `Bearer ${token("luna", "Luna", "creator")}` };
assert.equal((await ask("PUT", "/v1/rooms/tonight/mutes/ann", { reason: "spam" }, byLuna)).status, 200);
for (;;) {
  const said = await ann.ask("send", { ...gift, gift_event_id: uuid7(), count: 1 });
  if (said.type === "error") {
    assert.equal(said.error.code, "muted");
    break;
  }
}
assert.equal((await ask("POST", "/v1/rooms/tonight/kicks", { user: "ann", reason: "enough" })).status, 200);
await ann.until(({ type, error }) => type === "error" && error.code === "banned");
assert.equal((await ann.ask("subscribe", { room: "tonight" })).error.code, "banned");

// The end.
assert.equal((await ask("POST", "/v1/rooms/tonight/close")).status, 200);
await luna.event("room_closed");
const points = await ask("GET", "/v1/creators/luna/points");
assert.equal(points.points, 500 - (await ask("GET", "/v1/users/ann")).balance);
ann.ws.close();
luna.ws.close();
console.log("done");
