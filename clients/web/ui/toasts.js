// Short messages at the edge of the page. At most three; a repeat of the last one only keeps it for longer.

import { html, signal } from "./html.js";

const SHOWN_MS = 4_500;
const TOASTS_MAX = 3;

/** @typedef {{key: number, text: string, kind: "bad" | "info"}} Toast */

/** @type {import("@preact/signals").Signal<Toast[]>} */
const toasts = signal([]);
let lastKey = 0;

/** @param {string} text @param {"bad" | "info"} [kind] */
export function toast(text, kind = "bad") {
  const key = (lastKey += 1);
  toasts.value = [...toasts.value.filter((other) => other.text !== text), { key, text, kind }].slice(-TOASTS_MAX);
  setTimeout(() => (toasts.value = toasts.value.filter((other) => other.key !== key)), SHOWN_MS);
}

export const Toasts = () =>
  html`<div class="toasts" role="status" aria-live="polite" data-testid="toasts">
    ${toasts.value.map(({ key, text, kind }) => html`<p key=${key} class=${`toast is-${kind}`}>${text}</p>`)}
  </div>`;
