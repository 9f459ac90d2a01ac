// The server's time: what it said last plus monotonic time since. A device's wall clock is never asked.

export class ServerClock {
  /** @type {number | null} */
  #aheadMs = null;

  get isSet() {
    return this.#aheadMs !== null;
  }

  /** @param {number} serverTimeMs @param {number} atMs our monotonic time when it was that on the server */
  set(serverTimeMs, atMs) {
    this.#aheadMs = serverTimeMs - atMs;
  }

  /** The server's time at our monotonic `atMs`; only once it has been set. @param {number} atMs */
  nowMs(atMs) {
    if (this.#aheadMs === null) throw new Error("the server's time is not known before `connected`");
    return Math.floor(atMs + this.#aheadMs);
  }
}
