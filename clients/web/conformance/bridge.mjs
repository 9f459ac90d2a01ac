// The bridge that `livegift conformance` drives the JavaScript SDK through; docs/conformance.md says what it speaks.
// It runs in Node 22+ and is as thin as a bridge should be: every command is one call of the SDK, every report one
// thing that it said.

import { createInterface } from "node:readline";

import { Client } from "../sdk/index.js";
import { json } from "../sdk/codec.js";
import { msgpack } from "../sdk/msgpack.js";

/** @import {Following} from "../sdk/following.js" */

/** @type {Client | null} */
let client = null;
/** @type {Map<string, Following>} */
let rooms = new Map();

/** @param {string} saw @param {object} [more] */
const say = (saw, more = {}) => process.stdout.write(`${JSON.stringify({ saw, ...more })}\n`);

/** @type {Record<string, (command: any) => void>} */
const commands = {
  connect({ url, tokens, codec }) {
    leave();
    const given = [...tokens];
    const token = () => (given.length > 1 ? given.shift() : given[0]);
    client = new Client({ url, token, codec: codec === "msgpack" ? msgpack : json });
    client.on("user", () => say("connected"));
    client.on("balance", ({ balance }) => say("balance", { balance }));
    client.on("ended", ({ code }) => say("closed", { code }));
    client.open();
  },

  subscribe({ room, feed }) {
    const following = here().follow(room, { feed });
    rooms.set(room, following);
    following.on("restored", () => say("snapshot", { room }));
    following.on("events", ({ events }) => {
      for (const event of events) {
        const { event_id, points_total } = event;
        const gift = event.type === "gift" ? { coins: event.coins, message: event.message } : {};
        say("event", { room, event_id, points_total, ...gift });
      }
    });
    following.on("refused", ({ code }) => say("refused", { room, code }));
  },

  send({ ref, ...order }) {
    const gift = here().send(order);
    gift.on("accepted", ({ event_id, balance }) => say("accepted", { ref, event_id, balance }));
    gift.on("settled", ({ event_id }) => say("settled", { ref, event_id }));
    gift.on("failed", ({ code, info }) => {
      const { balance, needed, price_coins } = info;
      say("refused", { ref, code, balance, needed, price_coins });
    });
  },

  state({ room }) {
    const state = rooms.get(room)?.state;
    say("state", { room, coins: state?.totals.coins, combos: state?.combos.map(({ id }) => id) });
  },

  close() {
    leave();
    say("left");
  },
};

function here() {
  if (!client) throw new Error("a command before `connect`");
  return client;
}

function leave() {
  client?.close();
  client = null;
  rooms = new Map();
}

say("ready", { sdk: "livegift.js" });
for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...command } = JSON.parse(line);
  const run = commands[what];
  if (run) run(command);
  else say("unsupported", { what });
}
leave();
