// A followed room as the page sees it: its state, and events as they come.

import { Emitter } from "./emitter.js";
import { Feed } from "./feed.js";

/** @import {LivegiftError, RoomEvent} from "./protocol.js" */

/**
 * `events`: new ones in order, each once; `missed` says that they happened while the client was away, so they are to
 * be listed but hardly to be animated. `restored`: the state was replaced by a snapshot. `change`: either, or both. `viewers`: how many people watch has changed.
 * @typedef {{events: {events: RoomEvent[], missed: boolean}, restored: null, change: null, viewers: number, refused: LivegiftError}}
 *   FollowingEvents
 */

/** @extends {Emitter<FollowingEvents>} */
export class Following extends Emitter {
  /** @param {string} room @param {"viewer" | "creator"} kind @param {(following: Following) => void} leave */
  constructor(room, kind, leave) {
    super();
    this.feed = new Feed(room, kind);
    this.leave = () => leave(this);
  }

  get room() {
    return this.feed.room;
  }

  get state() {
    return this.feed.state;
  }
}
