// /studio: the creator's side. `#token=<jwt>&room=<id>` signs in without the name picker; the fragment, which never
// reached the server's logs, leaves the address as soon as it is read.

import { Api } from "../sdk/api.js";
import { BASE, HAS_LOGIN, at } from "../ui/base.js";
import { Brand, Icon } from "../ui/bits.js";
import { Lamp, OfflineBanner } from "../ui/connection-state.js";
import { batch, effect, html, render, signal } from "../ui/html.js";
import { JoinCard } from "../ui/join-card.js";
import { LiveRoom } from "../ui/live-room.js";
import { forget, remember, remembered } from "../ui/person.js";
import { Minutes } from "../ui/rate-chart.js";
import { RoomPicker } from "../ui/room-picker.js";
import { Desk } from "../ui/studio-desk.js";
import { ThemeToggle } from "../ui/theme-toggle.js";
import { Toasts } from "../ui/toasts.js";

/** @import {Signal} from "@preact/signals" */
/** @import {RoomInfo} from "../sdk/api.js" */
/** @import {Person} from "../ui/person.js" */

const ROOM_KEY = "livegift.studio.room";
const CHART_MS = 1_000;

const api = new Api(BASE);
/** @type {Signal<Person | null>} */
const person = signal(null);
/** @type {Signal<RoomInfo[]>} */
const ownRooms = signal([]);
/** @type {Signal<{room: RoomInfo, live: LiveRoom, minutes: Minutes} | null>} */
const desk = signal(null);
/** @type {Signal<string | null>} */
const notice = signal(null);
/** @type {Signal<Map<string, string>>} */
const images = signal(new Map());
/** @type {Signal<number[]>} */
const series = signal([]);

/** Who and where, from the fragment or from before a reload. @returns {{who: Person | null, roomId: string | null}} */
function arrival() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [token, problem] = [fragment.get("token"), fragment.get("problem")];
  if (problem) {
    history.replaceState(null, "", location.pathname);
    notice.value = problem;
    return { who: null, roomId: null };
  }
  if (!token) return { who: remembered("creator"), roomId: sessionStorage.getItem(ROOM_KEY) };
  history.replaceState(null, "", location.pathname);
  return { who: { token, user: null }, roomId: fragment.get("room") };
}

/** @param {string} roomId */
async function sitDown(roomId) {
  const who = person.peek();
  if (!who) return;
  const room = await api.room(roomId);
  const live = new LiveRoom({ api, token: who.token, room: roomId, feed: "creator" });
  const minutes = new Minutes();
  live.isClosed.value = room.state === "closed";
  live.viewers.value = room.viewers;
  live.following.on("events", ({ events }) => {
    for (const event of events) if (event.type === "gift") minutes.add(event);
  });
  effect(() => {
    const { ending, refused, user } = live;
    if (user.value && !who.user) remember("creator", { ...who, user: user.value });
    if (ending.value) signOut(ending.value.code === 4401 ? "Your session has ended; sign in again." : ending.value.reason);
    else if (refused.value) standUp(refused.value.message);
  });
  sessionStorage.setItem(ROOM_KEY, roomId);
  desk.peek()?.live.close();
  batch(() => {
    desk.value = { room, live, minutes };
    notice.value = null;
  });
  live.open();
}

/** @param {string | null} why */
function standUp(why) {
  desk.peek()?.live.close();
  sessionStorage.removeItem(ROOM_KEY);
  batch(() => {
    desk.value = null;
    notice.value = why;
  });
  void listRooms();
}

/** @param {string | null} why */
function signOut(why) {
  standUp(why);
  forget("creator");
  person.value = null;
}

async function listRooms() {
  const own = person.peek()?.user?.id;
  if (!own) return;
  ownRooms.value = (await api.rooms().catch(() => [])).filter(({ creator }) => creator.id === own);
}

/** @param {Person} who @param {string | null} roomId */
async function signIn(who, roomId) {
  remember("creator", who);
  person.value = who;
  if (roomId) await sitDown(roomId).catch((error) => standUp(error.message));
  else await listRooms();
}

async function load() {
  const { who, roomId } = arrival();
  api.catalogue().then(
    ({ gifts }) => (images.value = new Map(gifts.map(({ id, image }) => [id, image]))),
    () => {}, // the feed then shows our own sign in place of art
  );
  if (who) await signIn(who, roomId);
}

/** @param {string} title */
async function openRoom(title) {
  const who = person.peek();
  if (who) await sitDown((await api.createRoom(title, who.token)).id);
}

async function closeRoom() {
  const [who, now] = [person.peek(), desk.peek()];
  if (who && now) await api.closeRoom(now.room.id, who.token);
}

/** @param {{notice: string | null}} props */
const SignInCard = ({ notice }) => html`<section class="card join-card">
  <h1>Your studio</h1>
  <p class="dim">Go live, and watch gifts and points come in.</p>
  <a class="button is-primary" data-testid="sign-in" href=${at("/login")}>Sign in</a>
  ${notice && html`<p class="problem" role="alert">${notice}</p>`}
</section>`;

function Page() {
  const now = desk.value;
  const name = now?.live.user.value?.name ?? person.value?.user?.name;
  return html`<div class="studio">
    <header class="bar">
      <${Brand} /><span class="tag">Studio</span><span class="bar-space"></span>
      ${now && html`<${Lamp} status=${now.live.status.value} />`}
      ${name && html`<span class="me" data-testid="me">${name}</span>`}
      <${ThemeToggle} />
      ${person.value &&
      html`<button type="button" class="icon-button" title="Sign out" aria-label="Sign out" onClick=${() => signOut(null)}><${Icon} name="leave" /></button>`}
    </header>
    ${now && html`<${OfflineBanner} status=${now.live.status.value} wasConnected=${now.live.wasConnected.value} unsettled=${0} />`}
    ${notice.value && person.value && html`<p class="problem" role="alert">${notice.value}</p>`}
    ${now
      ? html`<${Desk}
          room=${now.room}
          live=${now.live}
          series=${series.value}
          imageOf=${(/** @type {string} */ gift) => images.value.get(gift) ?? at("/assets/icon.svg")}
          onClose=${closeRoom}
          onLeave=${() => standUp(null)}
        />`
      : person.value
        ? html`<${RoomPicker} rooms=${ownRooms.value} onOpen=${openRoom} onChoose=${(/** @type {RoomInfo} */ room) => sitDown(room.id)} />`
        : html`<main class="picker">
            ${HAS_LOGIN ? html`<${SignInCard} notice=${notice.value} />` : html`<${JoinCard}
              title="Your studio"
              text="Go live, and watch gifts and points come in. Pick a name; there is no account in the demo."
              action="Enter the studio"
              notice=${notice.value}
              onJoin=${async (/** @type {string} */ who) => signIn(await api.demoLogin(who, "creator"), null)}
            />`}
          </main>`}
    <${Toasts} />
  </div>`;
}

setInterval(() => {
  const now = desk.peek();
  if (now?.live.client.clock.isSet) series.value = now.minutes.series(now.live.client.serverTimeMs());
}, CHART_MS);

render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void load();
