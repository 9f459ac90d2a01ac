// Gifts on their way: which are unsettled, and when each is to be sent (again). Pure.
//
// A gift stays here from its post until it is settled, refused, or its id is older than the window. In between it is
// sent, always under the same id: at once, on every new connection, after a temporary refusal when the server says,
// and if no answer came for ANSWER_WAIT_MS. The server charges an id once, so sending is also how one asks.

import { LivegiftError } from "./protocol.js";
import { ID_WINDOW_MS, uuid7Ms } from "./uuid7.js";

/** @import {Gift} from "./gift.js" */

/** A gift neither settled nor refused this long after it was sent is asked about by sending it again. */
export const ANSWER_WAIT_MS = 10_000;
/** Gifts on their way; beyond it `post` throws `outbox_full`. */
export const UNSETTLED_MAX = 1_000;
/** Wait after a temporary refusal that doesn't name one. */
export const RETRY_DEFAULT_MS = 500;

/** @typedef {{gift: Gift, dueMs: number, expiresMs: number, notBeforeMs: number}} Outgoing times are monotonic */

export class Outbox {
  /** @type {Set<Outgoing>} in the order in which they were posted */
  #gifts = new Set();

  /** @param {() => number} chance a number in [0, 1) */
  constructor(chance = Math.random) {
    this.chance = chance;
  }

  get unsettled() {
    return this.#gifts.size;
  }

  /** Take a gift. Its window begins when it gets its id, with the first transmit. @param {Gift} gift */
  post(gift) {
    if (this.get(gift.id)) throw new Error(`gift ${gift.id} is on its way already`);
    if (this.#gifts.size >= UNSETTLED_MAX) {
      const message = `${this.#gifts.size} gifts are unsettled, the limit is ${UNSETTLED_MAX}`;
      throw new LivegiftError({ code: "outbox_full", message });
    }
    /** @type {Outgoing} */
    const outgoing = { gift, dueMs: Infinity, expiresMs: Infinity, notBeforeMs: 0 };
    this.#gifts.add(outgoing);
    return outgoing;
  }

  /** The unsettled gift of that id. @param {string | null | undefined} id */
  get(id) {
    if (!id) return null;
    for (const outgoing of this.#gifts) if (outgoing.gift.id === id) return outgoing;
    return null;
  }

  /**
   * It was sent just now; an id of an earlier send has a part of its window behind it.
   * @param {Outgoing} outgoing @param {number} nowMs @param {number} serverTimeMs
   */
  sent(outgoing, nowMs, serverTimeMs) {
    if (outgoing.expiresMs === Infinity) {
      const ageMs = outgoing.gift.id ? serverTimeMs - uuid7Ms(outgoing.gift.id) : 0;
      outgoing.expiresMs = nowMs + ID_WINDOW_MS - Math.max(0, ageMs);
    }
    outgoing.dueMs = Math.min(nowMs + ANSWER_WAIT_MS, outgoing.expiresMs);
  }

  /**
   * Send again after `retryAfterMs` and up to half as much more, so that a crowd doesn't come back as one.
   * @param {Outgoing} outgoing @param {number | undefined} retryAfterMs @param {number} nowMs
   */
  putOff(outgoing, retryAfterMs, nowMs) {
    const waitMs = (retryAfterMs ?? RETRY_DEFAULT_MS) * (1 + this.chance() / 2);
    outgoing.notBeforeMs = nowMs + waitMs;
    outgoing.dueMs = Math.min(outgoing.notBeforeMs, outgoing.expiresMs);
  }

  /** It has arrived, or never will. @param {Outgoing} outgoing */
  drop(outgoing) {
    this.#gifts.delete(outgoing);
  }

  /** The connection is gone: nothing is due but ends of windows. */
  lost() {
    for (const outgoing of this.#gifts) outgoing.dueMs = outgoing.expiresMs;
  }

  /** What a new connection must send at once, in order; what was put off stays so. @param {number} nowMs */
  resendAll(nowMs) {
    const atOnce = [];
    for (const outgoing of this.#gifts) {
      if (outgoing.notBeforeMs > nowMs) outgoing.dueMs = Math.min(outgoing.notBeforeMs, outgoing.expiresMs);
      else atOnce.push(outgoing);
    }
    return atOnce;
  }

  /** Those whose time has come. @param {number} nowMs */
  due(nowMs) {
    return [...this.#gifts].filter((outgoing) => outgoing.dueMs <= nowMs);
  }

  /** When `due` has something next. */
  get nextDueMs() {
    let nextMs = Infinity;
    for (const outgoing of this.#gifts) nextMs = Math.min(nextMs, outgoing.dueMs);
    return nextMs;
  }
}
