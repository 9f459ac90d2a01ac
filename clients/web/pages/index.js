// /: who is live now, and what this is.

import { Api } from "../sdk/api.js";
import { BASE, at } from "../ui/base.js";
import { Avatar, Brand, Icon } from "../ui/bits.js";
import { hueOf, short } from "../ui/format.js";
import { html, render, signal } from "../ui/html.js";
import { ThemeToggle } from "../ui/theme-toggle.js";

/** @import {Signal} from "@preact/signals" */
/** @import {RoomInfo} from "../sdk/api.js" */

const POLL_MS = 5_000;
const FLOATING = ["rocket", "rose", "unicorn", "heart", "diamond", "planet"];
const FACTS = [
  ["Charged once", "A gift has an id. Send it a thousand times and it is one gift, one charge, one receipt."],
  ["Seen at once", "Everyone in the room sees it a few milliseconds after it is in the books, and never before."],
  ["Proved", "Every coin is in a double-entry book that anyone can audit, live."],
];

const api = new Api(BASE);
/** @type {Signal<RoomInfo[] | null>} */
const rooms = signal(null);
const isLost = signal(false);

async function look() {
  try {
    rooms.value = await api.rooms();
    isLost.value = false;
  } catch {
    isLost.value = true;
  }
}

/** @param {{room: RoomInfo}} props */
const RoomCard = ({ room }) =>
  html`<a class="room-card" href=${at(`/r/${encodeURIComponent(room.id)}`)} data-testid="room-link" style=${{ "--hue": String(hueOf(room.creator.id)) }}>
    <div class="room-thumb">
      <span class="badge">Live</span>
      <span class="total"><${Icon} name="eye" /><b>${short(room.viewers)}</b><span class="sr-only"> viewers</span></span>
      <${Avatar} id=${room.creator.id} name=${room.creator.name} size="l" />
    </div>
    <div class="room-words"><b>${room.title}</b><span class="dim">${room.creator.name}</span></div>
  </a>`;

function Rooms() {
  if (isLost.value && !rooms.value) return html`<p class="problem" role="alert">The server can't be reached. Trying again …</p>`;
  if (!rooms.value) return html`<div class="room-grid" aria-busy="true"><i class="room-ghost"></i><i class="room-ghost"></i></div>`;
  if (!rooms.value.length) return html`<p class="dim">Nobody is live. <a href=${at("/studio")}>Open the first room.</a></p>`;
  return html`<div class="room-grid">${rooms.value.map((room) => html`<${RoomCard} key=${room.id} room=${room} />`)}</div>`;
}

const Page = () =>
  html`<div class="landing">
    <header class="bar">
      <${Brand} /><span class="bar-space"></span><${ThemeToggle} />
      <a class="button" href=${at("/studio")}>Studio</a>
    </header>
    <main>
      <section class="hero">
        <div>
          <h1>Gifts for live streams, <em>honest to the coin.</em></h1>
          <p class="dim">The open, self-hosted gifting server. Put it beside your video: viewers send gifts, the room sees them at once, creators earn.</p>
        </div>
        <div class="floating" aria-hidden="true">
          ${FLOATING.map((gift) => html`<img key=${gift} class=${`float-${gift}`} src=${at(`/assets/gifts/${gift}.svg`)} alt="" />`)}
        </div>
      </section>
      <h2>Live now</h2>
      <${Rooms} />
      <section class="facts">
        ${FACTS.map(([name, text]) => html`<article class="card" key=${name}><h3>${name}</h3><p class="dim">${text}</p></article>`)}
      </section>
    </main>
    <footer class="dim">livegift is open source under Apache-2.0. Gift art: Noto Emoji. <a href=${at("/docs")}>API</a> · <a href=${at("/assets/NOTICES.txt")}>Notices</a></footer>
  </div>`;

render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void look();
setInterval(() => document.visibilityState === "visible" && look(), POLL_MS);
