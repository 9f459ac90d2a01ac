// Gifts a second, from running sums, as lines for a chart. Pure.

/** Milliseconds from the start of the load, gifts sent and gifts shown since then. @typedef {[number, number, number]} Sample */
/** @typedef {{at: number, sent: number, shown: number}} Rate */

/** A rate is taken over this long: at 200 a second a gift more or less is then 3 a second and not 10. */
const WINDOW_MS = 300;
/** What is shown while the load runs; afterwards all of it. */
export const RUNNING_MS = 20_000;

/** @param {Sample[]} samples in order of time @returns {Rate[]} one for each sample but the first */
export function ratesOf(samples) {
  const rates = [];
  let from = 0;
  for (let at = 1; at < samples.length; at += 1) {
    const [nowMs, sent, shown] = /** @type {Sample} */ (samples[at]);
    while (from < at - 1 && nowMs - /** @type {Sample} */ (samples[from + 1])[0] >= WINDOW_MS) from += 1;
    const [thenMs, sentThen, shownThen] = /** @type {Sample} */ (samples[from]);
    const seconds = Math.max(1, nowMs - thenMs) / 1_000;
    rates.push({ at: nowMs, sent: (sent - sentThen) / seconds, shown: (shown - shownThen) / seconds });
  }
  return rates;
}

/** What part of time a chart shows. @param {Rate[]} rates @param {boolean} isRunning @returns {[number, number]} */
export function spanOf(rates, isRunning) {
  const last = rates.at(-1)?.at ?? 0;
  return isRunning ? [Math.max(0, last - RUNNING_MS), Math.max(RUNNING_MS, last)] : [0, Math.max(1_000, last)];
}

/**
 * `M0 50L10 20…` in a box of 1000 × 100.
 *
 * @param {Rate[]} rates @param {"sent" | "shown"} which @param {[number, number]} span @param {number} highest
 */
export function pathOf(rates, which, [start, end], highest) {
  const points = rates
    .filter(({ at }) => at >= start)
    .map((rate) => `${(((rate.at - start) / (end - start)) * 1_000).toFixed(1)} ${(100 - (rate[which] / highest) * 100).toFixed(1)}`);
  return points.length ? `M${points.join("L")}` : "";
}

/** The path closed along the bottom, to be filled. @param {string} path */
export function areaOf(path) {
  if (!path) return "";
  const first = path.slice(1).split(" ", 1)[0];
  const last = (path.split("L").at(-1) ?? "").replace("M", "").split(" ", 1)[0];
  return `${path}L${last} 100L${first} 100Z`;
}

/** The top of the scale: a round number above everything, so that it seldom jumps. @param {Rate[]} rates @param {number} rate */
export function topOf(rates, rate) {
  const highest = Math.max(rate, ...rates.map(({ sent, shown }) => Math.max(sent, shown)));
  return Math.ceil((highest * 1.1) / rate) * rate;
}
