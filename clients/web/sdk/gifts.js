// The sending half of a client: gifts leave, are asked about, and end as settled or failed. Rooms know nothing of it.

import { Gift } from "./gift.js";
import { Outbox } from "./outbox.js";
import { CONNECTION_CODES, LivegiftError } from "./protocol.js";
import { uuid7 } from "./uuid7.js";

/** @import {ServerClock} from "./clock.js" */
/** @import {Connection} from "./connection.js" */
/** @import {GiftOrder} from "./gift.js" */
/** @import {Outgoing} from "./outbox.js" */
/** @import {Accepted, ErrorInfo} from "./protocol.js" */
/** @import {Timers} from "./timers.js" */

export class Gifts {
  #outbox;

  /**
   * @param {{connection: Connection, clock: ServerClock, timers: Timers, chance?: () => number,
   *   ask: (about: Outgoing) => number, onBalance: (balance: number) => void}} parts `ask` gives a command id that
   *   stands for the gift until it is answered
   */
  constructor({ connection, clock, timers, chance, ask, onBalance }) {
    this.connection = connection;
    this.clock = clock;
    this.timers = timers;
    this.ask = ask;
    this.onBalance = onBalance;
    this.#outbox = new Outbox(chance);
  }

  get unsettled() {
    return this.#outbox.unsettled;
  }

  get nextDueMs() {
    return this.#outbox.nextDueMs;
  }

  /** @param {GiftOrder} order */
  send(order) {
    const gift = new Gift(order);
    const outgoing = this.#outbox.post(gift);
    if (this.connection.isReady) this.#transmit(outgoing);
    return gift;
  }

  /** A new connection stands: whatever is unsettled is sent again under its id. */
  resendAll() {
    for (const outgoing of this.#outbox.resendAll(this.timers.now())) this.#transmit(outgoing);
  }

  lost() {
    this.#outbox.lost();
  }

  /** @param {Accepted} receipt */
  accepted(receipt) {
    // A replayed receipt holds the balance of back then.
    if (!receipt.replayed) this.onBalance(receipt.balance);
    this.#outbox.get(receipt.gift_event_id)?.gift.noteAccepted(receipt);
    if (receipt.settled) this.settled(receipt.gift_event_id, receipt.event_id);
  }

  /** @param {string} giftEventId @param {string} eventId */
  settled(giftEventId, eventId) {
    const outgoing = this.#outbox.get(giftEventId);
    if (!outgoing) return;
    this.#outbox.drop(outgoing);
    outgoing.gift.noteSettled(eventId);
  }

  /** @param {Outgoing | undefined} about @param {string | undefined} giftEventId @param {ErrorInfo} error */
  refused(about, giftEventId, error) {
    const outgoing = about ?? this.#outbox.get(giftEventId);
    if (!outgoing) return;
    const nowMs = this.timers.now();
    if (error.temporary || CONNECTION_CODES.has(error.code)) {
      this.#outbox.putOff(outgoing, error.retry_after_ms, nowMs);
      return;
    }
    // A bad_id names the server's time: this gift failed, the next id will be right.
    if (error.now_ms !== undefined) this.clock.set(error.now_ms, nowMs);
    if (error.code === "insufficient_coins" && error.balance !== undefined) this.onBalance(error.balance);
    this.#fail(outgoing, new LivegiftError(error));
  }

  /** Do what has become due. */
  tick() {
    const nowMs = this.timers.now();
    for (const outgoing of this.#outbox.due(nowMs)) {
      if (nowMs >= outgoing.expiresMs) {
        const message = "Not known to be settled when its id's window of 15 minutes ended.";
        this.#fail(outgoing, new LivegiftError({ code: "unknown_outcome", message }));
      } else if (this.connection.isReady) this.#transmit(outgoing);
    }
  }

  /** @param {Outgoing} outgoing */
  #transmit(outgoing) {
    const { gift } = outgoing;
    const nowMs = this.timers.now();
    const serverTimeMs = this.clock.nowMs(nowMs);
    gift.id ??= uuid7(serverTimeMs);
    this.#outbox.sent(outgoing, nowMs, serverTimeMs);
    this.connection.send({ type: "send", id: this.ask(outgoing), gift_event_id: gift.id, ...gift.order });
  }

  /** @param {Outgoing} outgoing @param {LivegiftError} error */
  #fail(outgoing, error) {
    this.#outbox.drop(outgoing);
    outgoing.gift.noteFailed(error);
  }
}
