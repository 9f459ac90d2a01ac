// Gifts sent and gifts shown a second, and the kills between them. Plain SVG, stretched to its box; words stand above it
// in HTML, where they keep their shape.

import { number } from "./format.js";
import { html } from "./html.js";
import { areaOf, pathOf, ratesOf, spanOf, topOf } from "./plug-rates.js";
import { NAMES } from "./plug-run.js";

/** @import {Event} from "./plug-run.js" */
/** @import {Sample} from "./plug-rates.js" */

/** Their names stand in three rows, so that kills in quick succession can be told apart. */
const ROWS = 3;

/** @param {{event: Event, place: number, row: number}} props */
const Kill = ({ event, place, row }) =>
  html`<span class=${`kill-mark${place > 82 ? " is-late" : ""}`} style=${{ left: `${place}%`, "--row": String(row) }}><b>${NAMES[event.role ?? ""]}</b></span>`;

/** @param {{samples: Sample[], events: Event[], rate: number, isRunning: boolean}} props */
export function PlugChart({ samples, events, rate, isRunning }) {
  const rates = ratesOf(samples);
  const [start, end] = spanOf(rates, isRunning);
  const seen = rates.filter(({ at }) => at >= start);
  const top = topOf(seen, rate);
  const shown = pathOf(seen, "shown", [start, end], top);
  const now = rates.at(-1);
  const label = now ? `Gifts a second: ${number(Math.round(now.sent))} sent, ${number(Math.round(now.shown))} seen` : "No gifts yet";
  const all = events.filter(({ kind }) => kind === "kill");
  const kills = all.filter(({ chart_ms }) => chart_ms !== null && chart_ms >= start && chart_ms <= end);
  return html`<figure class="plug-chart" data-testid="plug-chart">
    <figcaption>
      <h2>Gifts a second</h2>
      <span class="key key-sent">sent</span><span class="key key-shown">seen</span>
    </figcaption>
    <div class="plot">
      <svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=${label}>
        <line class="grid" x1="0" x2="1000" y1=${100 - (rate / top) * 100} y2=${100 - (rate / top) * 100} />
        <path class="shown-area" d=${areaOf(shown)} />
        <path class="sent" d=${pathOf(seen, "sent", [start, end], top)} />
        <path class="shown" d=${shown} />
      </svg>
      <span class="scale dim" style=${{ top: `${100 - (rate / top) * 100}%` }}>${number(rate)}</span>
      <div aria-hidden="true">
        ${kills.map((event) => html`<${Kill} key=${event.key} event=${event} place=${(((event.chart_ms ?? 0) - start) / (end - start)) * 100} row=${all.indexOf(event) % ROWS} />`)}
      </div>
    </div>
    <div class="time dim"><span>${Math.round(start / 1_000)} s</span><span>${Math.round(end / 1_000)} s</span></div>
  </figure>`;
}
