// The end: three numbers that should be 0, what stands behind them, and who counted. Whatever isn't right is said in red.

import { number } from "./format.js";
import { html } from "./html.js";

/** @import {State, Verdict} from "./plug-run.js" */

/** @param {Verdict} verdict */
export const isClean = ({ lost, doubled, drift, out_of_order, combos_open, failures }) =>
  !lost && !doubled && drift === 0 && !out_of_order && !combos_open && !failures.length;

/** @param {{name: string, value: number | null}} props */
const Zero = ({ name, value }) =>
  html`<span class=${value === 0 ? "zero" : "zero is-bad"}>${name} <b>${value === null ? "unknown" : number(value)}</b></span>`;

/** A number with the dot that follows it, never torn apart. @param {{name: string, value: number | null}} props */
const Dotted = (props) => html`<span class="dotted"><${Zero} ...${props} /><span class="separator"> · </span></span><wbr />`;

/** What is wrong beside the three numbers, in sentences. @param {Verdict} verdict */
function troublesOf({ out_of_order, combos_open, failures }) {
  const found = [...failures];
  if (out_of_order) found.unshift(`${number(out_of_order)} events came out of order`);
  if (combos_open) found.unshift(`${number(combos_open)} combos never ended`);
  return found;
}

/** @param {{state: State}} props */
export function PlugVerdict({ state }) {
  const { verdict, trouble, events } = state;
  if (state.phase === "failed" || !verdict) {
    return html`<section class="card verdict is-bad" data-testid="verdict"><h1>No verdict</h1><p>${trouble}</p></section>`;
  }
  const kills = events.filter(({ kind }) => kind === "kill");
  const stall = Math.max(0, ...kills.map(({ seen_after_ms }) => seen_after_ms ?? 0));
  const { sent, accepted, settled, shown, seen, refused, lost, doubled, drift, audited, reconnects } = verdict;
  // With none lost every viewer ends on the sum of all that settled, so what nobody saw fly is in those totals.
  const inTotals = lost ? 0 : settled - shown;
  const killed = kills.length === 1 ? "One process was killed" : `${kills.length || "No"} processes were killed`;
  return html`<section class=${`card verdict${isClean(verdict) ? "" : " is-bad"}`} data-testid="verdict">
    <h1 data-testid="verdict-line">
      <${Dotted} name="lost" value=${lost} /><${Dotted} name="doubled" value=${doubled} /><${Zero} name="drift" value=${drift} />
    </h1>
    <p class="verdict-story">
      ${killed}${kills.length > 0 && html` and ${number(reconnects)} connections fell; the longest wait for a gift was ${number(Math.round(stall))} ms`}.
    </p>
    <dl class="counts">
      <div><dt>sent</dt><dd>${number(sent)}</dd></div>
      <div><dt>accepted</dt><dd>${number(accepted)}</dd></div>
      <div><dt>settled</dt><dd>${number(settled)}</dd></div>
      <div><dt>seen</dt><dd>${number(shown)}</dd></div>
      ${inTotals > 0 && html`<div><dt>in totals only</dt><dd>${number(inTotals)}</dd></div>`}
      ${refused > 0 && html`<div><dt>refused</dt><dd>${number(refused)}</dd></div>`}
      <div><dt>sightings</dt><dd>${number(seen)}</dd></div>
      ${audited && html`<div><dt>rows audited</dt><dd>${number(audited.rows)}</dd></div><div><dt>wallets audited</dt><dd>${number(audited.wallets)}</dd></div>`}
    </dl>
    ${troublesOf(verdict).map((sentence) => html`<p class="problem" key=${sentence}>${sentence}</p>`)}
    ${inTotals > 0 &&
    html`<p class="dim">
      ${number(inTotals)} gifts arrived while viewers were sent a snapshot of the room: they are in everybody's totals, but nobody saw them one by one.
    </p>`}
    <p class="dim">
      Lost and doubled were counted by the ${number(state.viewers)} bots, who know the server by its public protocol only: each
      compared every gift it saw with every gift the others sent. Drift, in coins, is what <code>livegift audit</code> found, a
      program of its own that recomputes every balance from the book's rows and holds Valkey against them.
    </p>
  </section>`;
}
