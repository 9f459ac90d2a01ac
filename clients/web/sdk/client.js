// livegift's client: one connection, any number of rooms, gifts that arrive once.
//
// On every new connection it sends unsettled gifts again under their old ids and subscribes again from where each
// room stands. Whoever uses it sees a gift accepted, settled or failed, and each event of a room once.

import { ServerClock } from "./clock.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Following } from "./following.js";
import { Gifts } from "./gifts.js";
import { RETRY_DEFAULT_MS } from "./outbox.js";
import { CONNECTION_CODES, LivegiftError } from "./protocol.js";
import { realTimers } from "./timers.js";
import { uuid7 } from "./uuid7.js";

/** @import {Connected, ErrorInfo, Message, User} from "./protocol.js" */
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
  #chance;
  #gifts;
  #timers;
  /** @type {(() => void) | null} */
  #cancelTick = null;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    super();
    this.#timers = options.timers ?? realTimers;
    this.#chance = options.chance ?? Math.random;
    this.connection = new Connection(options, {
      onStatus: (status) => this.emit("status", status),
      onReady: (connected) => this.#ready(connected),
      onMessage: (message) => this.#receive(message),
      onLost: () => this.#lost(),
      onEnded: (ending) => this.emit("ended", ending),
    });
    this.#gifts = new Gifts({
      connection: this.connection,
      clock: this.clock,
      timers: this.#timers,
      chance: options.chance,
      ask: (about) => this.#ask(about),
      onBalance: (balance) => this.#setBalance(balance, null),
    });
  }

  get status() {
    return this.connection.status;
  }

  /** Gifts on their way. */
  get unsettled() {
    return this.#gifts.unsettled;
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
    this.#tickLater();
    return following;
  }

  /** A new id for `send`, for who must know it before; only once connected. */
  newGiftId() {
    return uuid7(this.serverTimeMs());
  }

  /** Send a gift, now or as soon as there is a connection. Throws when too many are on their way. @param {GiftOrder} order */
  send(order) {
    const gift = this.#gifts.send(order);
    this.#tickLater();
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
    this.#gifts.resendAll();
    for (const following of this.#rooms.values()) this.#subscribe(following);
    this.#tickLater();
  }

  #lost() {
    this.#asked.clear();
    this.#gifts.lost();
    for (const following of this.#rooms.values()) following.feed.lost();
    this.#tickLater();
  }

  /** @param {Message} message */
  #receive(message) {
    if (message.type === "room" || message.type === "missed" || message.type === "snapshot") {
      const following = this.#rooms.get(message.room);
      if (following) this.#deliver(following, message);
    } else if (message.type === "viewers") {
      const following = this.#rooms.get(message.room);
      if (following) this.#count(following, message.viewers);
    } else if (message.type === "subscribed") {
      const following = this.#rooms.get(message.room);
      if (following && this.#answered(message.id) === following) this.#deliver(following, message);
    } else if (message.type === "accepted") {
      this.#answered(message.id);
      this.#gifts.accepted(message);
    } else if (message.type === "settled") {
      for (const { gift_event_id, event_id } of message.gifts) this.#gifts.settled(gift_event_id, event_id);
    } else if (message.type === "error") {
      const about = this.#answered(message.id);
      if (about instanceof Following) this.#roomRefused(about, message.error);
      else this.#gifts.refused(about, message.gift_event_id, message.error);
    } else if (message.type === "wallet") this.#setBalance(message.balance, message.reason);
    else if (message.type === "pong") this.clock.set(message.server_time_ms, this.#timers.now());
    this.#tickLater();
  }

  /** @param {Following} following @param {Parameters<Following["feed"]["receive"]>[0]} message */
  #deliver(following, message) {
    const news = following.feed.receive(message, this.#timers.now());
    if (message.type === "missed" && following.feed.phase === "asked") {
      following.feed.dueMs = this.#timers.now() + SUBSCRIBE_WAIT_MS; // the answer is on its way behind them
    }
    if (news === null) return;
    if (news.restored) following.emit("restored", null);
    const missed = message.type === "subscribed" || message.type === "missed";
    if (news.events.length) following.emit("events", { events: news.events, missed });
    following.emit("change", null);
  }

  /** @param {Following} following @param {number} viewers */
  #count(following, viewers) {
    following.state.viewers = viewers;
    following.emit("viewers", viewers);
  }

  /** @param {Following} following @param {ErrorInfo} error */
  #roomRefused(following, error) {
    if (this.#rooms.get(following.room) !== following) return;
    following.feed.lost();
    if (error.temporary || CONNECTION_CODES.has(error.code)) {
      // As with gifts: up to half as much more, so that a room's crowd doesn't come back as one.
      const waitMs = (error.retry_after_ms ?? RETRY_DEFAULT_MS) * (1 + this.#chance() / 2);
      following.feed.dueMs = this.#timers.now() + waitMs;
      return;
    }
    if (error.code === "bad_request" && following.feed.cursor !== null) {
      // The server can't read the cursor any more, say after a restored backup: a snapshot is all there is.
      following.feed.forgetPlace();
      this.#subscribe(following);
      return;
    }
    this.#rooms.delete(following.room);
    following.emit("refused", new LivegiftError(error));
  }

  /** @param {number} balance @param {string | null} reason */
  #setBalance(balance, reason) {
    this.balance = balance;
    this.emit("balance", { balance, reason });
  }

  // --- what is asked, and when again ---

  /** A command id that stands for this until it is answered. @param {Following | Outgoing} about */
  #ask(about) {
    const id = this.connection.nextId();
    this.#asked.set(id, about);
    return id;
  }

  /** @param {number | null} id */
  #answered(id) {
    if (id === null) return undefined;
    const about = this.#asked.get(id);
    this.#asked.delete(id);
    return about;
  }

  /** @param {Following} following */
  #subscribe(following) {
    const { feed } = following;
    const { since } = feed;
    feed.phase = "asked";
    feed.dueMs = this.#timers.now() + SUBSCRIBE_WAIT_MS;
    const command = { type: "subscribe", id: this.#ask(following), room: feed.room, feed: feed.kind };
    this.connection.send(since ? { ...command, since } : command);
  }

  #tick() {
    this.#gifts.tick();
    if (this.connection.isReady) {
      const nowMs = this.#timers.now();
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
    let dueMs = this.#gifts.nextDueMs;
    if (this.connection.isReady) {
      for (const { feed } of this.#rooms.values()) dueMs = Math.min(dueMs, feed.dueMs ?? Infinity);
    }
    if (dueMs !== Infinity) this.#cancelTick = this.#timers.after(dueMs - this.#timers.now(), () => this.#tick());
  }
}
