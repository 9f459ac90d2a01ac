// One gift that this client sends: what was asked for, its id, and two promises, of its acceptance and its settlement.

import { Emitter } from "./emitter.js";

/** @import {Accepted, LivegiftError} from "./protocol.js" */

/**
 * @typedef {object} GiftOrder
 * @property {string} room
 * @property {string} gift id in the catalogue
 * @property {number} price_coins what the sender saw; another price is refused, never charged
 * @property {number} [count]
 * @property {string | null} [to] receiver, if not the room's creator
 * @property {string | null} [message]
 * @property {boolean} [anonymous]
 * @property {string} [gift_event_id] of an earlier send, to ask what became of it; a new one if left out
 */

/**
 * `accepted` may come twice: if every copy of the hot state died in between, the gift was done anew under another
 * event id, and `replaces` names the one to forget.
 * @typedef {{accepted: {event_id: string, balance: number, replaces: string | null}, settled: {event_id: string},
 *   failed: LivegiftError}} GiftEvents
 */

/** @extends {Emitter<GiftEvents>} */
export class Gift extends Emitter {
  /** The UUIDv7, made on the server's time when first sent. @type {string | null} */
  id;
  /** @type {string | null} */
  event_id = null;
  /** @type {"waiting" | "accepted" | "settled" | "failed"} */
  state = "waiting";

  /** @param {GiftOrder} order */
  constructor({ gift_event_id, ...order }) {
    super();
    this.id = gift_event_id ?? null;
    this.order = { count: 1, to: null, message: null, anonymous: false, ...order };
    /** Resolves with the event id. @type {Promise<string>} */
    this.accepted = new Promise((resolve, reject) => {
      this.on("accepted", ({ event_id }) => resolve(event_id));
      this.on("failed", reject);
    });
    /** Resolves with the event id. @type {Promise<string>} */
    this.settled = new Promise((resolve, reject) => {
      this.on("settled", ({ event_id }) => resolve(event_id));
      this.on("failed", reject);
    });
    // Nobody has to await a promise to be allowed to listen instead.
    this.accepted.catch(() => {});
    this.settled.catch(() => {});
  }

  /** @param {Accepted} receipt */
  noteAccepted(receipt) {
    if (receipt.event_id === this.event_id || this.state === "failed") return;
    const replaces = this.event_id;
    this.event_id = receipt.event_id;
    this.state = "accepted";
    this.emit("accepted", { event_id: receipt.event_id, balance: receipt.balance, replaces });
  }

  /** @param {string} event_id */
  noteSettled(event_id) {
    this.state = "settled";
    this.emit("settled", { event_id });
  }

  /** @param {LivegiftError} error */
  noteFailed(error) {
    this.state = "failed";
    this.emit("failed", error);
  }
}
