// One room on a page: the SDK's client with what it says as signals. Shared by viewer and studio.
//
// A busy room changes 25 times a second; what people read changes at most ten times, in one batch.

import { Client } from "../sdk/client.js";
import { batch, signal } from "./html.js";
import { withEvents } from "./feed-lines.js";

/** @import {Signal} from "@preact/signals" */
/** @import {Api} from "../sdk/api.js" */
/** @import {Status, Ending} from "../sdk/connection.js" */
/** @import {LivegiftError, RoomEvent, Session, TopSender, Totals, User} from "../sdk/protocol.js" */
/** @import {Line} from "./feed-lines.js" */

const PAINT_MS = 100;

export class LiveRoom {
  /** @type {Signal<Status>} */ status = signal("idle");
  wasConnected = signal(false);
  /** @type {Signal<User | null>} */ user = signal(null);
  /** @type {Signal<number | null>} */ balance = signal(null);
  /** @type {Signal<Ending | null>} */ ending = signal(null);
  /** @type {Signal<LivegiftError | null>} */ refused = signal(null);
  /** @type {Signal<Totals>} */ totals = signal({ coins: 0, gifts: 0, senders: 0 });
  /** @type {Signal<TopSender[]>} */ top = signal([]);
  viewers = signal(0);
  isClosed = signal(false);
  /** @type {Signal<Line[]>} */ lines = signal([]);
  /** All of a creator's points; null before the first event that says. @type {Signal<number | null>} */
  points = signal(null);
  /** @type {Signal<Session>} */ session = signal({ coins: 0, points: 0, gifts: 0 });
  /** @type {RoomEvent[]} */
  #unpainted = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #painting = null;
  /** @type {AbortController} */
  #ends = new AbortController();

  /** @param {{api: Api, token: string, room: string, feed?: "viewer" | "creator"}} options */
  constructor({ api, token, room, feed = "viewer" }) {
    this.client = new Client({ url: api.socketUrl, token });
    this.following = this.client.follow(room, { feed });
    const { client, following } = this;
    client.on("status", (status) => {
      this.status.value = status;
      if (status === "connected") this.wasConnected.value = true;
    });
    client.on("user", (user) => (this.user.value = user));
    client.on("balance", ({ balance }) => (this.balance.value = balance));
    client.on("ended", (ending) => (this.ending.value = ending));
    following.on("refused", (error) => (this.refused.value = error));
    following.on("events", ({ events }) => this.#unpainted.push(...events));
    following.on("restored", () => (this.viewers.value = following.state.viewers));
    following.on("viewers", (viewers) => (this.viewers.value = viewers));
    following.on("change", () => this.#paintSoon());
    this.#watchLine();
  }

  open() {
    this.client.open();
  }

  close() {
    this.#ends.abort();
    this.client.close();
  }

  #paintSoon() {
    this.#painting ??= setTimeout(() => {
      this.#painting = null;
      batch(() => this.#paint());
    }, PAINT_MS);
  }

  #paint() {
    const { state } = this.following;
    const events = this.#unpainted.splice(0);
    this.totals.value = state.totals;
    this.top.value = state.top();
    this.isClosed.value ||= state.isClosed;
    if (events.length) this.lines.value = withEvents(this.lines.value, events);
    if (state.pointsTotal !== null) this.points.value = state.pointsTotal;
    if (state.session !== null) this.session.value = state.session;
  }

  /** The browser often knows first that the line has gone, or is back. */
  #watchLine() {
    const { signal: until } = this.#ends;
    const probe = () => this.client.connection.probe();
    addEventListener("online", probe, { signal: until });
    addEventListener("offline", probe, { signal: until });
    const onVisible = () => document.visibilityState === "visible" && probe();
    document.addEventListener("visibilitychange", onVisible, { signal: until });
  }
}
