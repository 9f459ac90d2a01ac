// /r/<room>: watch and gift. The room is shown at once; gifting begins with a name.

import { Api } from "../sdk/api.js";
import { BASE, at } from "../ui/base.js";
import { Brand, Icon } from "../ui/bits.js";
import { Lamp, OfflineBanner } from "../ui/connection-state.js";
import { Feed } from "../ui/feed.js";
import { GiftPanel } from "../ui/gift-panel.js";
import { batch, effect, html, render, signal } from "../ui/html.js";
import { JoinCard } from "../ui/join-card.js";
import { forget, remember, remembered } from "../ui/person.js";
import { StageView } from "../ui/stage-view.js";
import { ThemeToggle } from "../ui/theme-toggle.js";
import { Toasts } from "../ui/toasts.js";
import { Top } from "../ui/top.js";
import { Viewer } from "../ui/viewer.js";

/** @import {Signal} from "@preact/signals" */
/** @import {Catalogue, RoomDetail} from "../sdk/api.js" */
/** @import {Stage} from "../stage/stage.js" */
/** @import {Person} from "../ui/person.js" */

const api = new Api(BASE);
const roomId = decodeURIComponent(location.pathname.slice(BASE.length).split("/")[2] ?? "");

/** @type {Signal<RoomDetail | null>} */
const room = signal(null);
/** @type {Signal<Catalogue>} */
const catalogue = signal({ version: 0, gifts: [] });
/** @type {Signal<Viewer | null>} */
const viewer = signal(null);
/** @type {Signal<string | null>} */
const notice = signal(null);
/** @type {Signal<string | null>} */
const problem = signal(null);
/** @type {Stage | null} */
let stage = null;

/** @param {Person} person */
function enter(person) {
  remember("viewer", person);
  const entered = new Viewer({ api, token: person.token, room: roomId, gifts: catalogue.value.gifts });
  entered.stage = stage;
  viewer.value = entered;
  effect(() => {
    const { ending, refused } = entered.live;
    if (ending.value) leave(ending.value.code === 4401 ? "Your visit has ended; pick a name to go on." : ending.value.reason);
    else if (refused.value) problem.value = refused.value.message;
  });
}

/** @param {string | null} why */
function leave(why) {
  forget("viewer");
  viewer.peek()?.close();
  batch(() => {
    viewer.value = null;
    notice.value = why;
  });
}

async function load() {
  try {
    const [found, gifts] = await Promise.all([api.room(roomId), api.catalogue()]);
    batch(() => {
      room.value = found;
      catalogue.value = gifts;
    });
    document.title = `${found.title} · livegift`;
    const person = remembered("viewer");
    if (person) enter(person);
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
}

function Bar() {
  const user = viewer.value?.live.user.value;
  return html`<header class="bar">
    <${Brand} />
    <span class="bar-space"></span>
    ${viewer.value && html`<${Lamp} status=${viewer.value.live.status.value} />`}
    ${user && html`<span class="me" data-testid="me">${user.name}</span>`}
    <${ThemeToggle} />
    ${viewer.value &&
    html`<button type="button" class="icon-button" data-testid="leave" title="Be somebody else" aria-label="Be somebody else" onClick=${() => leave(null)}>
      <${Icon} name="leave" />
    </button>`}
  </header>`;
}

/** @param {{found: RoomDetail}} props */
function Watching({ found }) {
  const live = viewer.value?.live;
  const isClosed = found.state === "closed" || (live?.isClosed.value ?? false);
  const isLive = live?.wasConnected.value ?? false;
  const snapshot = found.snapshot;
  const totals = (isLive ? live?.totals.value : snapshot?.totals) ?? { coins: 0, gifts: 0, senders: 0 };
  const ownId = live?.user.value?.id ?? null;
  return html`
    <${StageView}
      room=${found}
      viewers=${isLive ? live?.viewers.value : found.viewers}
      totals=${totals}
      isClosed=${isClosed}
      onStage=${(/** @type {Stage | null} */ made) => {
        stage = made;
        if (viewer.peek()) /** @type {Viewer} */ (viewer.peek()).stage = made;
      }}
    />
    <aside class="side">
      <section class="card side-top">
        <h2>Top senders</h2>
        <${Top} top=${(isLive ? live?.top.value : snapshot?.top) ?? []} ownId=${ownId} />
      </section>
      <section class="card side-feed">
        <h2>Gifts</h2>
        <${Feed} lines=${live?.lines.value ?? []} imageOf=${imageOf} ownId=${ownId} testid="feed" />
      </section>
    </aside>
    <div class="dock">
      ${viewer.value
        ? isClosed
          ? html`<section class="card ended" data-testid="room-closed"><h2>This live has ended</h2><a class="button" href=${at("/")}>See who is live</a></section>`
          : html`<${GiftPanel}
              gifts=${catalogue.value.gifts}
              balance=${live?.balance.value ?? null}
              isClosed=${isClosed}
              onSend=${(/** @type {import("../ui/gift-panel.js").Choice} */ choice) => viewer.value?.send(choice)}
            />`
        : html`<${JoinCard}
            title=${`Join ${found.creator.name}’s live`}
            text="Pick a name and get coins to try everything. No account, no money."
            action="Join"
            notice=${notice.value}
            onJoin=${async (/** @type {string} */ name) => enter(await api.demoLogin(name))}
          />`}
    </div>
  `;
}

/** @param {string} gift */
const imageOf = (gift) => catalogue.value.gifts.find(({ id }) => id === gift)?.image ?? at("/assets/icon.svg");

function Page() {
  const live = viewer.value?.live;
  return html`<div class=${`watch${viewer.value ? " is-joined" : ""}`}>
    <${Bar} />
    ${live &&
    html`<${OfflineBanner} status=${live.status.value} wasConnected=${live.wasConnected.value} unsettled=${live.client.unsettled} />`}
    <main>
      ${problem.value
        ? html`<section class="card lost" role="alert">
            <h1>Nothing live here</h1>
            <p class="dim">${problem.value}</p>
            <a class="button is-primary" href=${at("/")}>See who is live</a>
          </section>`
        : room.value
          ? html`<${Watching} found=${room.value} />`
          : html`<div class="stage is-loading" aria-busy="true"></div>`}
    </main>
    <${Toasts} />
  </div>`;
}

render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void load();
