// Small pieces that every page uses: avatar, coin, amount, icons, brand.

import { at } from "./base.js";
import { hueOf, initialOf, number } from "./format.js";
import { html } from "./html.js";

/** @param {{id: string | null, name: string | null, size?: string}} props */
export function Avatar({ id, name, size = "m" }) {
  const isKnown = name !== null;
  return html`<span
    class=${`avatar avatar-${size} ${isKnown ? "" : "is-anonymous"}`}
    style=${{ "--hue": String(hueOf(id ?? "anonymous")) }}
    aria-hidden="true"
    >${isKnown ? initialOf(name) : "?"}</span
  >`;
}

export const Coin = () => html`<span class="coin" aria-hidden="true"></span>`;

/** @param {{coins: number, label?: string}} props */
export const Coins = ({ coins, label = "coins" }) =>
  html`<span class="coins"><${Coin} />${number(coins)}<span class="sr-only"> ${label}</span></span>`;

/** @param {{href?: string}} props */
export const Brand = ({ href = at("/") }) =>
  html`<a class="brand" href=${href} aria-label="livegift"><img src=${at("/assets/icon.svg")} alt="" width="28" height="28" /><span>livegift</span></a>`;

const PATHS = {
  eye: "M2 12s3.6-7 10-7 10 7 10 7-3.6 7-10 7S2 12 2 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  gift: "M4 11h16v9H4zM3 7h18v4H3zM12 7v13M12 7c-2-4-6-4-6-1.5S10 7 12 7zm0 0c2-4 6-4 6-1.5S14 7 12 7z",
  people: "M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM2.5 20c.5-4 3-6 6.500-6s6 2 6.500 6M16 5.500a3 3 0 0 1 0 6M18 14.500c2 .700 3.200 2.500 3.500 5",
  arrow: "M5 12h14M13 6l6 6-6 6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
};

/** @param {{name: keyof typeof PATHS}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
