// The studio before a room is live: open one, or go back to one of one's own.

import { html, useSignal } from "./html.js";

/** @import {RoomInfo} from "../sdk/api.js" */

/** @param {{rooms: RoomInfo[], onOpen: (title: string) => Promise<void>, onChoose: (room: RoomInfo) => void}} props */
export function RoomPicker({ rooms, onOpen, onChoose }) {
  const title = useSignal("");
  const problem = useSignal("");
  const isBusy = useSignal(false);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    if (!title.value.trim() || isBusy.value) return;
    isBusy.value = true;
    problem.value = "";
    try {
      await onOpen(title.value.trim());
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
    isBusy.value = false;
  }

  return html`<main class="picker">
    <form class="card join-card" onSubmit=${submit}>
      <h1>Go live</h1>
      <p class="dim">Open a room and share its link. Gifts arrive here as they settle.</p>
      <label class="field">
        <span>Title of your live</span>
        <input
          data-testid="room-title"
          maxlength="100"
          placeholder="Late-night piano requests"
          autofocus
          value=${title.value}
          onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => (title.value = currentTarget.value)}
        />
      </label>
      <button class="button is-primary" data-testid="open-room" disabled=${!title.value.trim() || isBusy.value}>Open the room</button>
      ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
    </form>
    ${rooms.length > 0 &&
    html`<section class="card own-rooms">
      <h2>Your open rooms</h2>
      ${rooms.map(
        (room) =>
          html`<button type="button" class="own-room" key=${room.id} data-testid=${`own-room-${room.id}`} onClick=${() => onChoose(room)}>
            <b>${room.title}</b><span class="dim">${room.viewers} watching</span>
          </button>`,
      )}
    </section>`}
  </main>`;
}
