// livegift's client: one connection, any number of rooms, gifts that arrive once.
//
// On every new connection it sends unsettled gifts again under their old ids and subscribes again from where each
// room stands. Whoever uses it sees a gift accepted, settled or failed, and each event of a room once.

import { ServerClock } from "./clock.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Following } from "./following.js";
import { Gift } from "./gift.js";
import { Outbox, RETRY_DEFAULT_MS } from "./outbox.js";
import { CONNECTION_CODES, LivegiftError } from "./protocol.js";
import { realTimers } from "./timers.js";
import { uuid7 } from "./uuid7.js";

/** @import {Accepted, Connected, ErrorMessage, Message, User} from "./protocol.js" */
/** @import {ConnectionOptions, Ending, Status} from "./connection.js" */
/** @import {GiftOrder} from "./gift.js" */
/** @import {Outgoing} from "./outbox.js" */

/** A subscribe without an answer for this long is sent again. */
const SUBSCRIBE_WAIT_MS = 10_000;

/** @typedef {{status: Status, user: User, balance: {balance: number, reason: string | null}, ended: Ending}} ClientEvents */

/** @extends {Emitter<ClientEvents>} */
export class Client extends Emitter {
  /** @type {User | null} */
  user = null;
  /** In coins; null before the first connection. @type {number | null} */
  balance = null;
  clock = new ServerClock();
  /** @type {Map<string, Following>} */
  #rooms = new Map();
  /** What a command id was about, until it is answered. @type {Map<number, Following | Outgoing>} */
  #asked = new Map();
  #outbox;
  #timers;
  /** @type {(() => void) | null} */
  #cancelTick = null;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    super();
    this.#timers = options.timers ?? realTimers;
    this.#outbox = new Outbox(options.chance);
    this.connection = new Connection(options, {
      onStatus: (status) => this.emit("status", status),
      onReady: (connected) => this.#ready(connected),
      onMessage: (message) => this.#receive(message),
      onLost: () => this.#lost(),
      onEnded: (ending) => this.emit("ended", ending),
    });
  }

  get status() {
    return this.connection.status;
  }

  /** Gifts on their way. */
  get unsettled() {
    return this.#outbox.unsettled;
  }

  /** Connect, and stay so. */
  open() {
    this.connection.open();
  }

  /** Leave; what is unsettled is not asked about any more. */
  close() {
    this.#cancelTick?.();
    this.connection.close();
  }

  /** The server's time in milliseconds since 1970; only once connected. */
  serverTimeMs() {
    return this.clock.nowMs(this.#timers.now());
  }

  /**
   * Follow a room. A connection has one feed of a room.
   * @param {string} room @param {{feed?: "viewer" | "creator"}} [options]
   */
  follow(room, { feed = "viewer" } = {}) {
    if (this.#rooms.has(room)) throw new Error(`room ${room} is followed already`);
    const following = new Following(room, feed, (left) => this.#leave(left));
    this.#rooms.set(room, following);
    if (this.connection.isReady) this.#subscribe(following);
    return following;
  }

  /** Send a gift, now or as soon as there is a connection. Throws when too many are on their way. @param {GiftOrder} order */
  send(order) {
    const gift = new Gift(order);
    const outgoing = this.#outbox.post(gift);
    if (this.connection.isReady) this.#transmit(outgoing);
    return gift;
  }

  /** @param {Following} following */
  #leave(following) {
    if (this.#rooms.get(following.room) !== following) return;
    this.#rooms.delete(following.room);
    this.connection.send({ type: "unsubscribe", id: this.connection.nextId(), room: following.room });
  }

  // --- what the server says ---

  /** @param {Connected} connected */
  #ready(connected) {
    this.clock.set(connected.server_time_ms, this.#timers.now());
    this.user = connected.user;
    this.emit("user", connected.user);
    this.#setBalance(connected.balance, null);
    // Money first: a gift that was cut off is older than anything that could be shown.
    for (const outgoing of this.#outbox.resendAll(this.#timers.now())) this.#transmit(outgoing);
    for (const following of this.#rooms.values()) this.#subscribe(following);
    this.#tickLater();
  }

  #lost() {
    this.#asked.clear();
    this.#outbox.lost();
    for (const following of this.#rooms.values()) following.feed.lost();
    this.#tickLater();
  }

  /** @param {Message} message */
  #receive(message) {
    if (message.type === "room" || message.type === "snapshot") {
      const following = this.#rooms.get(message.room);
      if (following) this.#deliver(following, message);
    } else if (message.type === "subscribed") {
      const following = this.#rooms.get(message.room);
      if (following && this.#answered(message.id) === following) this.#deliver(following, message);
    } else if (message.type === "accepted") this.#accepted(message);
    else if (message.type === "settled") {
      for (const { gift_event_id, event_id } of message.gifts) this.#settled(gift_event_id, event_id);
    } else if (message.type === "error") this.#refused(message);
    else if (message.type === "wallet") this.#setBalance(message.balance, message.reason);
    else if (message.type === "pong") this.clock.set(message.server_time_ms, this.#timers.now());
    this.#tickLater();
  }

  /** @param {Following} following @param {Parameters<Following["feed"]["receive"]>[0]} message */
  #deliver(following, message) {
    const news = following.feed.receive(message, this.#timers.now());
    if (news === null) return;
    if (news.restored) following.emit("restored", null);
    if (news.events.length) following.emit("events", { events: news.events, missed: message.type === "subscribed" });
    following.emit("change", null);
  }

  /** @param {Accepted} receipt */
  #accepted(receipt) {
    if (receipt.id !== null) this.#answered(receipt.id);
    // A replayed receipt holds the balance of back then.
    if (!receipt.replayed) this.#setBalance(receipt.balance, null);
    this.#outbox.get(receipt.gift_event_id)?.gift.noteAccepted(receipt);
    if (receipt.settled) this.#settled(receipt.gift_event_id, receipt.event_id);
  }

  /** @param {string} giftEventId @param {string} eventId */
  #settled(giftEventId, eventId) {
    const outgoing = this.#outbox.get(giftEventId);
    if (!outgoing) return;
    this.#outbox.drop(outgoing);
    outgoing.gift.noteSettled(eventId);
  }

  /** @param {ErrorMessage} message */
  #refused({ id, gift_event_id, error }) {
    const about = id === null ? undefined : this.#answered(id);
    if (about instanceof Following) {
      this.#roomRefused(about, error);
      return;
    }
    const outgoing = about ?? this.#outbox.get(gift_event_id);
    if (!outgoing) return;
    if (error.temporary || CONNECTION_CODES.has(error.code)) {
      this.#outbox.putOff(outgoing, error.retry_after_ms, this.#timers.now());
      return;
    }
    // A bad_id names the server's time: this gift failed, the next id will be right.
    if (error.now_ms !== undefined) this.clock.set(error.now_ms, this.#timers.now());
    if (error.code === "insufficient_coins" && error.balance !== undefined) this.#setBalance(error.balance, null);
    this.#fail(outgoing, new LivegiftError(error));
  }

  /** @param {Following} following @param {ErrorMessage["error"]} error */
  #roomRefused(following, error) {
    if (this.#rooms.get(following.room) !== following) return;
    following.feed.lost();
    if (error.temporary || CONNECTION_CODES.has(error.code)) {
      following.feed.dueMs = this.#timers.now() + (error.retry_after_ms ?? RETRY_DEFAULT_MS);
      return;
    }
    this.#rooms.delete(following.room);
    following.emit("refused", new LivegiftError(error));
  }

  /** @param {number} id */
  #answered(id) {
    const about = this.#asked.get(id);
    this.#asked.delete(id);
    return about;
  }

  /** @param {number} balance @param {string | null} reason */
  #setBalance(balance, reason) {
    this.balance = balance;
    this.emit("balance", { balance, reason });
  }

  // --- what is due ---

  /** @param {Outgoing} outgoing */
  #transmit(outgoing) {
    const { gift } = outgoing;
    gift.id ??= uuid7(this.serverTimeMs());
    const id = this.connection.nextId();
    this.#asked.set(id, outgoing);
    this.#outbox.sent(outgoing, this.#timers.now());
    this.connection.send({ type: "send", id, gift_event_id: gift.id, ...gift.order });
    this.#tickLater();
  }

  /** @param {Following} following */
  #subscribe(following) {
    const { feed } = following;
    const id = this.connection.nextId();
    this.#asked.set(id, following);
    feed.phase = "asked";
    feed.dueMs = this.#timers.now() + SUBSCRIBE_WAIT_MS;
    const since = feed.since;
    this.connection.send({ type: "subscribe", id, room: feed.room, feed: feed.kind, ...(since && { since }) });
    this.#tickLater();
  }

  /** @param {Outgoing} outgoing @param {LivegiftError} error */
  #fail(outgoing, error) {
    this.#outbox.drop(outgoing);
    outgoing.gift.noteFailed(error);
  }

  #tick() {
    const nowMs = this.#timers.now();
    for (const outgoing of this.#outbox.due(nowMs)) {
      if (nowMs >= outgoing.expiresMs) {
        const message = "Not known to be settled when its id's window of 15 minutes ended.";
        this.#fail(outgoing, new LivegiftError({ code: "unknown_outcome", message }));
      } else if (this.connection.isReady) this.#transmit(outgoing);
    }
    if (this.connection.isReady) {
      for (const following of this.#rooms.values()) {
        if (following.feed.dueMs !== null && following.feed.dueMs <= nowMs) this.#subscribe(following);
      }
    }
    this.#tickLater();
  }

  /** One timer for whatever is due next. */
  #tickLater() {
    this.#cancelTick?.();
    this.#cancelTick = null;
    let dueMs = this.#outbox.nextDueMs;
    if (this.connection.isReady) {
      for (const { feed } of this.#rooms.values()) dueMs = Math.min(dueMs, feed.dueMs ?? Infinity);
    }
    if (dueMs !== Infinity) this.#cancelTick = this.#timers.after(dueMs - this.#timers.now(), () => this.#tick());
  }
}
