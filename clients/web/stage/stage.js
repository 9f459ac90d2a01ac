// The stage: takes gifts, shows each once, drops what a busy or hidden page can't show. Totals and feed don't depend
// on it: animations may be dropped, numbers never lie.
//
// One's own gift is shown when it is accepted, everybody else's when the room announces it. Both may come first, so
// the stage remembers the event ids it has shown.

import { Shown } from "../sdk/shown.js";
import { fly } from "./flights.js";
import { Budget } from "./motion.js";
import { Scenes } from "./scenes.js";
import { Tray } from "./tray.js";

/** @import {Playing} from "./playing.js" */

/** Moving particles at a time. */
export const PARTICLES_MAX = 72;
const COMBO_WINDOW_MS = 5_000;

export class Stage {
  #shown = new Shown(2_000);
  #budget = new Budget(PARTICLES_MAX);

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.tray = new Tray(root);
    this.scenes = new Scenes(root, this.#budget);
  }

  /** One's own gift has been accepted. @param {Omit<Playing, "key" | "total" | "isOwn">} playing @param {{isStreakable: boolean}} gift */
  takeOwn(playing, { isStreakable }) {
    if (!this.#shown.add(playing.eventId)) return;
    const sinceMs = performance.now() - COMBO_WINDOW_MS;
    const comboKey = isStreakable ? this.tray.rows.ownKey(playing.gift.id, sinceMs) : null;
    this.#show({ ...playing, key: comboKey ?? playing.eventId, total: null, isOwn: true });
  }

  /** The event id of an own gift that was shown has changed: don't show the new one. @param {string} eventId */
  markShown(eventId) {
    this.#shown.add(eventId);
  }

  /** The room has announced a gift. @param {Playing} playing */
  take(playing) {
    if (this.#shown.add(playing.eventId)) this.#show(playing);
    else if (playing.gift.tier <= 2) this.#settle(playing);
  }

  /** A combo has ended. @param {string} key */
  end(key) {
    this.tray.end(key);
  }

  stop() {
    this.tray.stop();
    this.scenes.stop();
  }

  /** @param {Playing} playing */
  #show(playing) {
    if (document.visibilityState === "hidden") return;
    if (playing.gift.tier >= 3) {
      this.scenes.take(playing);
      return;
    }
    this.tray.take(playing);
    if (playing.gift.tier === 2) fly(this.root, this.#budget, playing);
  }

  /** What was shown at `accepted` now has the room's count; a row that has left stays away. @param {Playing} playing */
  #settle(playing) {
    const { shown, waiting } = this.tray.rows;
    if (shown.has(playing.key) || waiting.has(playing.key)) this.tray.take(playing);
  }
}
