// What happened, in sentences, newest first.

import { clockTime, number } from "./format.js";
import { html } from "./html.js";
import { NAMES } from "./plug-run.js";

/** @import {Event, State} from "./plug-run.js" */

/** @param {Event} event @param {State} state @returns {string} */
export function sentenceOf({ kind, role, pid }, { rate, viewers }) {
  /** @type {Record<string, string>} */
  const sentences = {
    joining: `${viewers} bots join two rooms of their own`,
    gifting: `they send ${rate} gifts a second, and watch`,
    kill: `killed ${role === "valkey" ? "" : "the "}${NAMES[role ?? ""]} (pid ${pid})`,
    settling: "they send no more, and wait until all is settled, seen, and every combo has ended",
    comparing: "they compare what they saw with fresh snapshots, and what they paid with their wallets",
    auditing: "livegift audit recomputes the books",
    done: "the verdict is in",
    failed: "the bots gave up",
  };
  return sentences[kind] ?? kind;
}

/** @param {Event} event @param {boolean} isGifting @returns {string} */
export function stallOf({ kind, seen_after_ms }, isGifting) {
  if (kind !== "kill") return "";
  if (seen_after_ms !== null) return `next gift seen after ${number(Math.round(seen_after_ms))} ms`;
  return isGifting ? "no gift sent since then has been seen yet" : "no gift was sent after it";
}

/** @param {{state: State}} props */
export const PlugLog = ({ state }) =>
  html`<ol class="plug-log" role="log" aria-live="polite" aria-label="What happened, newest first" data-testid="plug-log">
    ${[...state.events].reverse().map((event) => {
      const stall = stallOf(event, state.phase === "gifting");
      return html`<li key=${event.key} class=${`is-${event.kind}`} data-testid=${`log-${event.kind}`} data-role=${event.role} data-seen-after=${event.seen_after_ms}>
        <time class="dim" datetime=${new Date(event.at_ms).toISOString()}>${clockTime(event.at_ms)}</time>
        <span>${sentenceOf(event, state)}${stall && html` · <b>${stall}</b>`}</span>
      </li>`;
    })}
  </ol>`;
