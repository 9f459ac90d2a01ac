// Monotonic time and timers, as one thing that tests replace: an hour passes there without anybody waiting.

/** @typedef {{now: () => number, after: (ms: number, call: () => void) => () => void}} Timers `after` returns its end */

/** @type {Timers} */
export const realTimers = {
  now: () => performance.now(),
  after(ms, call) {
    // A longer delay than 2**31 - 1 ms would fire at once.
    const timer = setTimeout(call, Math.min(Math.max(0, ms), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
