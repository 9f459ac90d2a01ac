// A set of recent ids in two generations, so that forgetting costs nothing. A room that was rebuilt repeats its last
// 30 s under a new epoch; who remembers the ids shows nothing twice.

export const SHOWN_MAX = 20_000;

export class Shown {
  /** @type {Set<string>} */
  #young = new Set();
  /** @type {Set<string>} */
  #old = new Set();

  /** @param {number} idsMax remembered at least; at twice as many the older half is forgotten */
  constructor(idsMax = SHOWN_MAX) {
    this.idsMax = idsMax;
  }

  /** @param {string} id */
  has(id) {
    return this.#young.has(id) || this.#old.has(id);
  }

  /** Note an id; false if it was known. @param {string} id */
  add(id) {
    if (this.has(id)) return false;
    if (this.#young.size >= this.idsMax) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(id);
    return true;
  }
}
