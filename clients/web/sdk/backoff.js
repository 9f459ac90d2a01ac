// How long to wait before the next attempt: full jitter, so that a thousand clients don't come back as one.
// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: random(0, min(cap, base * 2**attempt)).

export const BASE_MS = 500;
export const CAP_MS = 5_000;
/** A connection that lived this long starts the delays over; a shorter one counts as one more failure. */
export const STABLE_MS = 1_000;

export class Backoff {
  attempts = 0;

  /** @param {() => number} chance a number in [0, 1) */
  constructor(chance = Math.random) {
    this.chance = chance;
  }

  /** The next delay in milliseconds; counts the attempt. */
  nextMs() {
    const ceilingMs = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(this.attempts, 16));
    this.attempts += 1;
    return Math.floor(this.chance() * ceilingMs);
  }

  /** @param {number} livedMs how long the connection that has just ended was connected */
  connectionEnded(livedMs) {
    if (livedMs >= STABLE_MS) this.attempts = 0;
  }
}
