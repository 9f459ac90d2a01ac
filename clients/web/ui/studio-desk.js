// The creator's desk while a room is live: points, session, chart, top senders, every gift, and the end.

import { at } from "./base.js";
import { Coin } from "./bits.js";
import { Feed } from "./feed.js";
import { number } from "./format.js";
import { html, useRef, useSignal } from "./html.js";
import { RateChart } from "./rate-chart.js";
import { toast } from "./toasts.js";
import { Top } from "./top.js";

/** @import {RoomInfo} from "../sdk/api.js" */
/** @import {LiveRoom} from "./live-room.js" */

/** @param {{name: string, value: number | null, testid: string, hint?: string}} props */
const Figure = ({ name, value, testid, hint = "" }) =>
  html`<div class="figure">
    <span class="dim">${name}</span>
    <b data-testid=${testid} data-value=${value ?? ""}>${value === null ? "–" : number(value)}</b>
    <small class="dim">${hint}</small>
  </div>`;

/** @param {{onClose: () => Promise<void>}} props */
function CloseRoom({ onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const isBusy = useSignal(false);
  const close = async () => {
    isBusy.value = true;
    try {
      await onClose();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
    isBusy.value = false;
    dialog.current?.close();
  };
  return html`
    <button type="button" class="button is-danger" data-testid="close-room" onClick=${() => dialog.current?.showModal()}>End the live</button>
    <dialog class="card" ref=${dialog}>
      <h2>End this live?</h2>
      <p class="dim">The room takes no more gifts. What was sent before still counts and is still shown.</p>
      <div class="row">
        <button type="button" class="button" onClick=${() => dialog.current?.close()}>Stay live</button>
        <button type="button" class="button is-danger" data-testid="close-confirm" disabled=${isBusy.value} onClick=${close}>End it</button>
      </div>
    </dialog>
  `;
}

/** @param {{room: RoomInfo}} props */
function Share({ room }) {
  const url = new URL(at(`/r/${encodeURIComponent(room.id)}`), location.href).href;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(url);
      toast("Copied.", "info");
    } catch {
      toast("The browser doesn't allow copying here; mark the link instead.");
    }
  };
  return html`<div class="share">
    <a href=${url} target="_blank" rel="noopener" data-testid="room-link">${url}</a>
    <button type="button" class="button is-small" onClick=${copy}>Copy link</button>
  </div>`;
}

/**
 * @param {{room: RoomInfo, live: LiveRoom, series: number[], imageOf: (gift: string) => string,
 *   onClose: () => Promise<void>, onLeave: () => void}} props
 */
export function Desk({ room, live, series, imageOf, onClose, onLeave }) {
  const session = live.session.value;
  const isClosed = live.isClosed.value;
  return html`<main class="desk">
    <section class="card desk-head">
      <div class="desk-title">
        ${isClosed ? html`<span class="badge is-ended" data-testid="room-closed">Ended</span>` : html`<span class="badge">Live</span>`}
        <h1>${room.title}</h1>
        <${Share} room=${room} />
      </div>
      <div class="row">
        <button type="button" class="button" onClick=${onLeave}>All rooms</button>
        ${!isClosed && html`<${CloseRoom} onClose=${onClose} />`}
      </div>
    </section>
    <section class="figures">
      <div class="card figure is-main">
        <span class="dim">Your points</span>
        <b data-testid="studio-points" data-value=${live.points.value ?? ""}>${live.points.value === null ? "–" : number(live.points.value)}</b>
        <small class="dim">${live.points.value === null ? "Known with the next gift" : "Everything you have earned"}</small>
      </div>
      <div class="card session" data-testid="studio-session" data-coins=${session.coins} data-points=${session.points} data-gifts=${session.gifts}>
        <h2>This live</h2>
        <div class="session-figures">
          <${Figure} name="Points" value=${session.points} testid="session-points" />
          <${Figure} name="Coins" value=${session.coins} testid="session-coins" />
          <${Figure} name="Gifts" value=${session.gifts} testid="session-gifts" />
          <${Figure} name="Senders" value=${live.totals.value.senders} testid="session-senders" />
          <${Figure} name="Viewers" value=${live.viewers.value} testid="session-viewers" />
        </div>
      </div>
    </section>
    <section class="card desk-chart">
      <h2><${Coin} /> Coins a minute</h2>
      <${RateChart} series=${series} />
    </section>
    <section class="card desk-top">
      <h2>Top senders</h2>
      <${Top} top=${live.top.value} ownId=${null} linesMax=${10} />
    </section>
    <section class="card desk-feed">
      <h2>Gifts</h2>
      <${Feed} lines=${live.lines.value} imageOf=${imageOf} ownId=${null} testid="studio-feed" isDetailed=${true} linesMax=${80} />
    </section>
  </main>`;
}
