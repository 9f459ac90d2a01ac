// Whether the line stands: a small lamp in the bar, and a banner that can't be overlooked while it doesn't.

import { html } from "./html.js";

/** @import {Status} from "../sdk/connection.js" */

/** @type {Record<Status, string>} */
const WORDS = { idle: "connecting", connecting: "connecting", connected: "connected", offline: "offline", ended: "offline" };

/** @param {{status: Status}} props */
export const Lamp = ({ status }) =>
  html`<span class=${`lamp is-${WORDS[status]}`} data-testid="connection">${WORDS[status]}</span>`;

/** `wasConnected`: the first connect of a page needs no banner. @param {{status: Status, wasConnected: boolean, unsettled: number}} props */
export function OfflineBanner({ status, wasConnected, unsettled }) {
  if (status === "connected" || status === "ended" || !wasConnected) return null;
  const waiting = unsettled ? ` ${unsettled === 1 ? "Your last gift" : `Your ${unsettled} gifts`} will arrive once.` : "";
  return html`<div class="offline-banner" role="alert" data-testid="offline-banner">
    <span class="spinner" aria-hidden="true"></span>You are offline. Coming back by itself …${waiting}
  </div>`;
}
