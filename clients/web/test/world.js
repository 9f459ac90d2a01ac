// A world for tests: a clock that is moved by hand, and sockets that say what they are told.

import { decode, encode } from "@msgpack/msgpack";

/** @import {Timers} from "../sdk/timers.js" */

export class World {
  nowMs = 1_000;
  /** @type {{atMs: number, call: () => void}[]} */
  #timers = [];
  /** @type {FakeSocket[]} */
  sockets = [];

  /** @returns {Timers} */
  get timers() {
    return {
      now: () => this.nowMs,
      after: (ms, call) => {
        const timer = { atMs: this.nowMs + Math.max(0, ms), call };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
      },
    };
  }

  /** @type {any} */
  get WebSocket() {
    const world = this;
    return class extends FakeSocket {
      /** @param {string} url @param {string} [subprotocol] */
      constructor(url, subprotocol = "livegift.v1.json") {
        super(url, subprotocol);
        world.sockets.push(this);
      }
    };
  }

  get socket() {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** Let time pass, running what falls due in order. @param {number} ms */
  async advance(ms) {
    const untilMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((one, other) => one.atMs - other.atMs)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.call();
      await settle();
    }
    this.nowMs = untilMs;
  }
}

export class FakeSocket {
  readyState = 0;
  /** @type {any[]} */
  sent = [];
  /** @type {any} */ onopen = null;
  /** @type {any} */ onmessage = null;
  /** @type {any} */ onclose = null;

  /** @param {string} url @param {string} subprotocol */
  constructor(url, subprotocol) {
    this.url = url;
    this.subprotocol = subprotocol;
    this.isText = subprotocol === "livegift.v1.json";
  }

  /** @param {any} data */
  send(data) {
    this.sent.push(this.isText ? JSON.parse(data) : decode(data));
  }

  close() {
    this.readyState = 3;
  }

  /** The handshake is done. @param {{balance?: number, lastsMs?: number}} [options] */
  accept({ balance = 1_000, lastsMs = 900_000 } = {}) {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: "connected", id: 0, user: { id: "u1", name: "Mia" }, balance, server_time_ms: 1_800_000_000_000, expires_ms: 1_800_000_000_000 + lastsMs, ping_ms: 25_000 });
  }

  /** @param {object} message */
  say(message) {
    this.onmessage?.({ data: this.isText ? JSON.stringify(message) : encode(message).slice().buffer });
  }

  /** @param {number} code */
  drop(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  /** Commands of one type. @param {string} type */
  all(type) {
    return this.sent.filter((command) => command.type === type);
  }
}

/** Let promises run. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @param {Partial<import("../sdk/protocol.js").GiftEvent> & {offset: number}} fields @returns {any} */
export function giftEvent(fields) {
  return {
    type: "gift",
    event_id: `e${fields.offset}`,
    ts_ms: 1_800_000_000_000,
    sender: { id: "s1", name: "Ada", anonymous: false, coins_total: 1 },
    receiver: { id: "luna", name: "Luna" },
    gift: { id: "rose", name: "Rose", price_coins: 1, tier: 1 },
    count: 1,
    coins: 1,
    points: 1,
    combo: null,
    message: null,
    test: false,
    ...fields,
  };
}
