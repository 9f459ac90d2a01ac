// Big gifts waiting for the stage. Higher tiers first, then more coins, then who came first; at the limit the
// cheapest is shed, never the newest for being new. One's own gift counts as the dearest of its tier. Pure.

/** @import {Playing} from "./playing.js" */

export const SCENES_MAX = 8;

/** @param {Playing} one @param {Playing} other */
function byWeight(one, other) {
  return other.gift.tier - one.gift.tier || Number(other.isOwn) - Number(one.isOwn) || other.coins - one.coins;
}

export class SceneQueue {
  /** @type {Playing[]} */
  #waiting = [];

  get length() {
    return this.#waiting.length;
  }

  /** Returns what had to go, or null. @param {Playing} playing */
  push(playing) {
    this.#waiting.push(playing);
    this.#waiting.sort(byWeight); // stable: equals stay in order of arrival
    return this.#waiting.length > SCENES_MAX ? (this.#waiting.pop() ?? null) : null;
  }

  next() {
    return this.#waiting.shift() ?? null;
  }

  clear() {
    this.#waiting = [];
  }
}
