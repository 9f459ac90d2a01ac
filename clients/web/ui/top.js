// Top senders of the room, and one's own place if it is further down.

import { Avatar, Coins } from "./bits.js";
import { html } from "./html.js";

/** @import {TopSender} from "../sdk/protocol.js" */

/** @param {{top: TopSender[], ownId: string | null, linesMax?: number}} props */
export function Top({ top, ownId, linesMax = 5 }) {
  const own = top.findIndex(({ id }) => id === ownId);
  const lines = top.slice(0, linesMax).map((line, place) => ({ line, place }));
  const mine = top[own];
  if (mine && own >= linesMax) lines.push({ line: mine, place: own });
  return html`<ol class="top" data-testid="top" aria-label="Top senders">
    ${lines.map(
      ({ line, place }) =>
        html`<li
          key=${line.id}
          class=${`top-item rank-${place + 1}${line.id === ownId ? " is-own" : ""}`}
          data-testid="top-item"
          data-id=${line.id}
          data-value=${line.coins_total}
        >
          <span class="rank">${place + 1}</span>
          <${Avatar} id=${line.id} name=${line.name} size="s" />
          <span class="top-name">${line.name}</span>
          <${Coins} coins=${line.coins_total} />
        </li>`,
    )}
    ${!top.length && html`<li class="empty" key="empty">Be the first.</li>`}
  </ol>`;
}
