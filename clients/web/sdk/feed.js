// One followed room: where it stands, what to hand on, and when to ask again. Pure.
//
// A message is judged by its offset first (is it the next one?), its events by their ids second (were they shown?).
// State follows offsets, because a snapshot at k holds exactly what lies at or before k; what is handed on follows
// ids, because a room that was rebuilt repeats its last 30 s under a new epoch.
//
// The creator's feed also keeps the last cursor and gives it back: what it has missed beyond the room's history then
// comes out of the book, before the snapshot. Such gifts are handed on; the state is the snapshot's.

import { RoomState } from "./room.js";
import { Shown } from "./shown.js";

/** @import {Missed, RoomEvent, RoomFrame, Since, Snapshot, SnapshotPush, Subscribed} from "./protocol.js" */

/** After frames of a new epoch the server sends a snapshot by itself; only without it we ask. */
export const SNAPSHOT_WAIT_MS = 2_000;

const KNOWN_TYPES = new Set(["gift", "combo_ended", "room_closed"]);

/**
 * What a message brought: events to show, in order, and whether the state was replaced by a snapshot before them.
 * @typedef {{events: RoomEvent[], restored: boolean}} News
 */

export class Feed {
  state = new RoomState();
  /** @type {string | null} */
  epoch = null;
  offset = 0;
  /** The creator's: what the feed has got, in the server's own words. @type {string | null} */
  cursor = null;
  /** `waiting`: not asked on this connection, or again at `dueMs`. @type {"waiting" | "asked" | "live"} */
  phase = "waiting";
  /** When to subscribe (again), monotonic; null: nothing is to be done. @type {number | null} */
  dueMs = null;
  /** Offsets found missing within an epoch, which a correct server never causes. */
  holes = 0;
  #shown = new Shown();
  #needsSnapshot = false;

  /** @param {string} room @param {"viewer" | "creator"} kind */
  constructor(room, kind = "viewer") {
    this.room = room;
    this.kind = kind;
  }

  /** What to resume from; null asks for a snapshot. @returns {Since | null} */
  get since() {
    if (this.cursor !== null) return { epoch: this.epoch ?? "", offset: this.offset, cursor: this.cursor };
    if (this.epoch === null || this.#needsSnapshot) return null;
    return { epoch: this.epoch, offset: this.offset };
  }

  /** The connection is gone. */
  lost() {
    this.phase = "waiting";
    this.dueMs = null;
  }

  /**
   * Apply a message of this room; null if it brought nothing.
   * @param {RoomFrame | Missed | SnapshotPush | Subscribed} message
   * @param {number} nowMs
   * @returns {News | null}
   */
  receive(message, nowMs) {
    if (message.type === "room") return this.#frame(message, nowMs);
    if (message.type === "missed") {
      this.cursor = message.cursor;
      return { events: this.#newOf(message.events), restored: false };
    }
    if (message.type === "snapshot") return this.#restore(message, message.snapshot, []);
    this.phase = "live";
    this.dueMs = null;
    if (message.snapshot !== null) return this.#restore(message, message.snapshot, message.events);
    this.#needsSnapshot = false;
    const isSame = message.epoch === this.epoch;
    const events = this.#fold(message.events.filter((event) => !isSame || event.offset > this.offset));
    // A pushed snapshot may have overtaken this answer.
    if (!isSame || message.offset >= this.offset) {
      this.#standAt(message);
      if (message.totals) this.state.trust(message.totals);
    }
    return { events, restored: false };
  }

  /** @param {RoomFrame} frame @param {number} nowMs @returns {News | null} */
  #frame(frame, nowMs) {
    if (this.phase !== "live") return null; // the answer to our subscribe stands at or after this frame
    const isNewEpoch = frame.epoch !== this.epoch;
    if (!isNewEpoch && frame.offset <= this.offset) return null;
    const events = isNewEpoch ? frame.events : frame.events.filter((event) => event.offset > this.offset);
    const first = events[0];
    if (!isNewEpoch && first && first.offset !== this.offset + 1 && !this.#needsSnapshot) {
      this.holes += 1;
      this.phase = "waiting";
      this.dueMs = nowMs;
      return null;
    }
    const fresh = this.#fold(events);
    this.#standAt(frame);
    this.state.trust(frame.totals);
    if (isNewEpoch) {
      // What is new is shown at once; ranking and combos are whole again with the snapshot that follows.
      this.#needsSnapshot = true;
      this.dueMs = nowMs + SNAPSHOT_WAIT_MS;
    }
    return { events: fresh, restored: false };
  }

  /** @param {SnapshotPush | Subscribed} at @param {Snapshot} snapshot @param {RoomEvent[]} events @returns {News} */
  #restore(at, snapshot, events) {
    this.state.restore(snapshot);
    this.#standAt(at);
    this.#needsSnapshot = false;
    if (this.phase === "live") this.dueMs = null;
    return { events: this.#fold(events), restored: true };
  }

  /** Begin with a snapshot, whatever was missed. */
  forgetPlace() {
    this.epoch = this.cursor = null;
  }

  /** @param {{epoch: string, offset: number, cursor?: string}} at */
  #standAt(at) {
    this.epoch = at.epoch;
    this.offset = at.offset;
    this.cursor = at.cursor ?? this.cursor;
  }

  /** @param {RoomEvent[]} events */
  #fold(events) {
    for (const event of events) this.state.fold(event);
    return this.#newOf(events);
  }

  /** @param {RoomEvent[]} events */
  #newOf(events) {
    return events.filter((event) => KNOWN_TYPES.has(event.type) && this.#shown.add(event.event_id));
  }
}
