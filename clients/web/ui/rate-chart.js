// Coins a minute over the last quarter of an hour, from the events seen here. Bars of plain SVG: there is one series.

import { number } from "./format.js";
import { html } from "./html.js";

/** @import {GiftEvent} from "../sdk/protocol.js" */

export const MINUTES = 15;
const MINUTE_MS = 60_000;

/** Sums by minute, oldest first; the last one is the running minute. Pure but for what it is fed. */
export class Minutes {
  /** @type {Map<number, number>} */
  #coins = new Map();

  /** @param {GiftEvent} event */
  add({ ts_ms, coins }) {
    const minute = Math.floor(ts_ms / MINUTE_MS);
    this.#coins.set(minute, (this.#coins.get(minute) ?? 0) + coins);
    for (const old of this.#coins.keys()) if (old <= minute - 2 * MINUTES) this.#coins.delete(old);
  }

  /** @param {number} nowMs the server's time */
  series(nowMs) {
    const last = Math.floor(nowMs / MINUTE_MS);
    return Array.from({ length: MINUTES }, (_, place) => this.#coins.get(last - MINUTES + 1 + place) ?? 0);
  }
}

/** @param {{series: number[]}} props */
export function RateChart({ series }) {
  const highest = Math.max(1, ...series);
  const now = series.at(-1) ?? 0;
  return html`<figure class="chart">
    <svg viewBox=${`0 0 ${series.length * 10} 40`} preserveAspectRatio="none" role="img" aria-label=${`Coins a minute, now ${number(now)}`}>
      ${series.map((coins, place) => {
        const height = coins ? Math.max(1.5, (coins / highest) * 38) : 0.6;
        const isNow = place === series.length - 1;
        return html`<rect key=${place} x=${place * 10 + 1.5} y=${40 - height} width="7" height=${height} rx="1.5" class=${isNow ? "is-now" : ""} />`;
      })}
    </svg>
    <figcaption class="dim"><span>${MINUTES} min ago</span><span>up to ${number(highest)} a minute</span><span>now</span></figcaption>
  </figure>`;
}
