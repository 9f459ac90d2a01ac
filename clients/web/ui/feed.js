// The list of gifts, newest first. A screen reader hears each new line once; counts that grow are silent.

import { Avatar, Coins } from "./bits.js";
import { clockTime, number } from "./format.js";
import { html } from "./html.js";

/** @import {Line} from "./feed-lines.js" */

/** @param {{line: Line, image: string, isOwn: boolean, isDetailed: boolean}} props */
function FeedLine({ line, image, isOwn, isDetailed }) {
  const { sender, gift, count, message } = line;
  return html`<li
    class=${`feed-item tier-${gift.tier}${isOwn ? " is-own" : ""}${line.isOpen ? " is-open" : ""}`}
    data-testid="feed-item"
    data-gift=${gift.id}
    data-key=${line.key}
    data-count=${count}
  >
    <${Avatar} id=${sender.id} name=${sender.name} size="s" />
    <div class="feed-words">
      <span><b>${sender.name ?? "Anonymous"}</b> sent ${gift.name}${count > 1 && html` <em>×${number(count)}</em>`}</span>
      ${message && html`<q>${message}</q>`}
      ${isDetailed && html`<small class="dim">${clockTime(line.tsMs)} · ${number(line.points)} points</small>`}
    </div>
    ${isDetailed && html`<${Coins} coins=${line.coins} />`}
    <img src=${image} alt="" width="30" height="30" />
  </li>`;
}

/**
 * @param {{lines: Line[], imageOf: (gift: string) => string, ownId: string | null, testid: string, isDetailed?: boolean,
 *   linesMax?: number}} props
 */
export function Feed({ lines, imageOf, ownId, testid, isDetailed = false, linesMax = 40 }) {
  return html`<ol class="feed" data-testid=${testid} aria-live="polite" aria-relevant="additions" aria-label="Gifts, newest first">
    ${lines.slice(0, linesMax).map(
      (line) =>
        html`<${FeedLine}
          key=${line.key}
          line=${line}
          image=${imageOf(line.gift.id)}
          isOwn=${ownId !== null && line.sender.id === ownId}
          isDetailed=${isDetailed}
        />`,
    )}
    ${!lines.length && html`<li class="empty" key="empty">The next gift shows up here.</li>`}
  </ol>`;
}
