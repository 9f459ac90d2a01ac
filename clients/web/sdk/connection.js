// One WebSocket after the other: connect, ping, notice death, come back with full jitter; or stay away, where the
// close code says so. It knows frames and times, but nothing of rooms and gifts (client.js).
//
// A browser answers the server's pings by itself and tells the page nothing of it, so this side sends `ping`
// commands of its own: without them a phone that changed networks would look connected for minutes.

import { Backoff } from "./backoff.js";
import { json } from "./codec.js";
import { FINAL_CLOSE_CODES } from "./protocol.js";
import { realTimers } from "./timers.js";

/** @import {Codec} from "./codec.js" */
/** @import {Connected, Message} from "./protocol.js" */
/** @import {Timers} from "./timers.js" */

/** From opening the socket to `connected`, and from `ping` to any frame. */
export const ANSWER_MS = 8_000;
/** An answer to a probe is waited for less long: somebody has reason to think that the line is dead. */
export const PROBE_MS = 2_500;
/** A token is renewed this long before it ends. */
const REFRESH_BEFORE_MS = 30_000;
/** A renewal that brought no `refreshed` is tried again after this long; if none does, the server closes with 4502. */
const REFRESH_AGAIN_MS = 10_000;
const CONNECT_ID = 0;

/** @typedef {"idle" | "connecting" | "connected" | "offline" | "ended"} Status `offline`: waiting for the next try */
/** @typedef {string | (() => string | Promise<string>)} TokenSource a function is asked before every connect */
/** @typedef {{code: number, reason: string}} Ending why it stays away */

/**
 * @typedef {object} ConnectionOptions
 * @property {string} url of the WebSocket
 * @property {TokenSource} token
 * @property {Codec} [codec] JSON, unless it is `msgpack` of msgpack.js
 * @property {typeof WebSocket} [WebSocket] where the runtime has none (Node before 22), such as that of `ws`
 * @property {Timers} [timers]
 * @property {() => number} [chance] a number in [0, 1)
 */

/**
 * @typedef {object} Listener
 * @property {(status: Status) => void} onStatus
 * @property {(connected: Connected) => void} onReady
 * @property {(message: Message) => void} onMessage
 * @property {() => void} onLost a connection that was ready is gone
 * @property {(ending: Ending) => void} onEnded
 */

export class Connection {
  /** @type {Status} */
  status = "idle";
  /** @type {WebSocket | null} */
  #socket = null;
  #backoff;
  #codec;
  #timers;
  #connectedAtMs = 0;
  #pingMs = 25_000;
  #lastId = CONNECT_ID;
  /** @type {(() => void) | null} */
  #cancelTimer = null;
  /** @type {(() => void) | null} */
  #cancelRefresh = null;
  /** @type {(() => void) | null} */
  #cancelReturn = null;
  /** When a server that drains wants us back; null: it does not drain. @type {number | null} */
  #returnAtMs = null;
  /** The server's time minus our monotonic time. */
  #serverAheadMs = 0;

  /** @param {ConnectionOptions} options @param {Listener} listener */
  constructor(options, listener) {
    if (!(options.WebSocket ?? globalThis.WebSocket)) throw new Error("there is no WebSocket here: pass one to the client");
    this.options = options;
    this.listener = listener;
    this.#codec = options.codec ?? json;
    this.#timers = options.timers ?? realTimers;
    this.#backoff = new Backoff(options.chance);
  }

  get isReady() {
    return this.status === "connected";
  }

  /** Connect, unless that is under way or done; after an end it may be called again with a new token. */
  open() {
    if (this.#socket !== null || this.status === "connecting") return;
    this.#cancelTimer?.();
    void this.#dial();
  }

  /** End for good. */
  close() {
    this.#drop();
    this.#become("ended");
  }

  /** Leave this connection and come back, at the earliest after `afterMs`. @param {number} afterMs */
  hangUp(afterMs) {
    this.#lost(afterMs);
  }

  /** Something may have happened to the line (a network event, a laptop woke): find out now. */
  probe() {
    if (this.status === "offline") this.open();
    else if (this.isReady) this.#ping(PROBE_MS);
  }

  /** The next command id. */
  nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Send a command; nothing if the socket has gone, whose end is about to be noticed. @param {object} command */
  send(command) {
    if (this.#socket?.readyState === 1) this.#socket.send(this.#codec.encode(command));
  }

  async #dial() {
    this.#become("connecting");
    let token;
    try {
      token = await this.#token();
    } catch {
      this.#lost(0);
      return;
    }
    if (this.status !== "connecting" || this.#socket !== null) return; // closed meanwhile
    const Socket = this.options.WebSocket ?? WebSocket;
    const socket = new Socket(this.options.url, this.#codec.subprotocol);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#schedule(ANSWER_MS, () => this.#lost(0));
    socket.onopen = () => {
      if (socket === this.#socket) this.send({ type: "connect", id: CONNECT_ID, token });
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#received(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#closed(code, reason);
    };
  }

  async #token() {
    const { token } = this.options;
    return typeof token === "function" ? token() : token;
  }

  /** @param {unknown} data */
  #received(data) {
    /** @type {Message} */
    let message;
    try {
      message = this.#codec.decode(data);
    } catch {
      return; // not ours; a frame that nobody can read is no reason to lose the others
    }
    if (this.isReady) {
      this.#schedule(this.#pingMs, () => this.#ping(ANSWER_MS)); // any frame is a sign of life
      if (message.type === "reconnect") this.#returnAfter(message.after_ms);
      else if (message.type === "refreshed") this.#refreshBefore(message.expires_ms, null);
      else this.listener.onMessage(message);
      return;
    }
    if (message.type === "connected") this.#ready(message);
    else if (message.type === "error" && message.id === CONNECT_ID && message.error.temporary) {
      this.#lost(message.error.retry_after_ms ?? 0);
    }
    // Another refusal of `connect` is followed by its close code.
  }

  /** @param {Connected} connected */
  #ready(connected) {
    this.#connectedAtMs = this.#timers.now();
    this.#pingMs = connected.ping_ms;
    this.#become("connected");
    this.#schedule(this.#pingMs, () => this.#ping(ANSWER_MS));
    this.#refreshBefore(connected.expires_ms, connected.server_time_ms);
    this.listener.onReady(connected);
  }

  /** @param {number} waitMs */
  #ping(waitMs) {
    this.send({ type: "ping", id: this.nextId() });
    this.#schedule(waitMs, () => this.#lost(0));
  }

  /** Only a function can give another token. @param {number} expiresMs @param {number | null} serverTimeMs */
  #refreshBefore(expiresMs, serverTimeMs) {
    if (typeof this.options.token !== "function") return;
    if (serverTimeMs !== null) this.#serverAheadMs = serverTimeMs - this.#timers.now();
    const leftMs = expiresMs - (this.#timers.now() + this.#serverAheadMs);
    this.#refreshAfter(Math.max(1_000, leftMs - REFRESH_BEFORE_MS));
  }

  /** @param {number} ms */
  #refreshAfter(ms) {
    this.#cancelRefresh?.();
    this.#cancelRefresh = this.#timers.after(ms, () => void this.#refresh());
  }

  async #refresh() {
    this.#refreshAfter(REFRESH_AGAIN_MS);
    const socket = this.#socket;
    try {
      const token = await this.#token();
      if (socket === this.#socket) this.send({ type: "refresh", id: this.nextId(), token });
    } catch {
      // The old token stands until it ends; then the server closes with 4502 and the next connect asks again.
    }
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    if (!FINAL_CLOSE_CODES.has(code)) {
      this.#lost(0);
      return;
    }
    const wasReady = this.isReady;
    this.#drop();
    this.#become("ended");
    if (wasReady) this.listener.onLost();
    this.listener.onEnded({ code, reason });
  }

  /** The server drains and has given each client a moment of its own: stay until then. @param {number} afterMs */
  #returnAfter(afterMs) {
    this.#returnAtMs = this.#timers.now() + afterMs;
    this.#cancelReturn?.();
    this.#cancelReturn = this.#timers.after(afterMs, () => this.#lost(0));
  }

  /** @param {number} afterMs */
  #lost(afterMs) {
    const wasReady = this.isReady;
    // Who was given a moment comes back then, however the connection ends before: clients are spread already.
    const toldMs = this.#returnAtMs === null ? null : Math.max(0, this.#returnAtMs - this.#timers.now());
    if (wasReady) this.#backoff.connectionEnded(this.#timers.now() - this.#connectedAtMs);
    this.#drop();
    this.#become("offline");
    this.#schedule(toldMs ?? afterMs + this.#backoff.nextMs(), () => this.open());
    if (wasReady) this.listener.onLost();
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#cancelTimer?.();
    this.#cancelRefresh?.();
    this.#cancelReturn?.();
    this.#returnAtMs = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close(1000);
  }

  /** There is one timer: what would end or renew the present state. @param {number} ms @param {() => void} call */
  #schedule(ms, call) {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#timers.after(ms, call);
  }

  /** @param {Status} status */
  #become(status) {
    if (status === this.status) return;
    this.status = status;
    this.listener.onStatus(status);
  }
}
