// The stage on the page: a placeholder where the video goes, what is known of the room on top of it, and the canvas
// on which stage/ draws gifts.

import { Stage } from "../stage/stage.js";
import { Avatar, Coin, Icon } from "./bits.js";
import { number, short } from "./format.js";
import { html, useLayoutEffect, useRef } from "./html.js";

/** @import {RoomInfo} from "../sdk/api.js" */
/** @import {Totals} from "../sdk/protocol.js" */

/** @param {{creator: {id: string, name: string}, isClosed: boolean}} props */
const PlaceholderVideo = ({ creator, isClosed }) =>
  html`<div class=${`video${isClosed ? " is-closed" : ""}`} aria-hidden="true">
    <i class="glow glow-a"></i><i class="glow glow-b"></i><i class="glow glow-c"></i>
    <div class="on-air">
      <i></i><i></i><i></i>
      <${Avatar} id=${creator.id} name=${creator.name} size="xl" />
    </div>
  </div>`;

/** @param {{name: string, value: number, unit: string}} props */
const Total = ({ name, value, unit }) =>
  html`<span class="total" title=${`${number(value)} ${unit} in this room`}>
    ${name === "coins" ? html`<${Coin} />` : html`<${Icon} name=${name === "gifts" ? "gift" : "people"} />`}
    <b data-testid=${`totals-${name}`} data-value=${value}>${number(value)}</b><span class="sr-only"> ${unit}</span>
  </span>`;

/**
 * @param {{room: RoomInfo, viewers: number, totals: Totals, isClosed: boolean, onStage: (stage: Stage | null) => void}} props
 */
export function StageView({ room, viewers, totals, isClosed, onStage }) {
  const canvas = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    if (!canvas.current) return undefined;
    const stage = new Stage(canvas.current);
    onStage(stage);
    return () => {
      stage.stop();
      onStage(null);
    };
  }, []);
  return html`<section class="stage" data-testid="stage" aria-label="Live">
    <${PlaceholderVideo} creator=${room.creator} isClosed=${isClosed} />
    <div class="stage-top">
      <div class="creator">
        <${Avatar} id=${room.creator.id} name=${room.creator.name} />
        <div><h1>${room.title}</h1><span>${room.creator.name}</span></div>
      </div>
      <div class="stage-facts">
        ${isClosed ? html`<span class="badge is-ended">Ended</span>` : html`<span class="badge">Live</span>`}
        <span class="total" title="Viewers"><${Icon} name="eye" /><b>${short(viewers)}</b><span class="sr-only"> viewers</span></span>
        <${Total} name="coins" value=${totals.coins} unit="coins" />
        <${Total} name="gifts" value=${totals.gifts} unit="gifts" />
      </div>
    </div>
    <div class="canvas" ref=${canvas}></div>
  </section>`;
}
