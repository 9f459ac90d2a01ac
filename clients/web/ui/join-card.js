// The name picker: the demo's login, without an account.

import { html, useSignal } from "./html.js";

/** @import {ComponentChildren} from "preact" */

/**
 * @param {{title: ComponentChildren, text: ComponentChildren, action: string, notice?: string | null,
 *   onJoin: (name: string) => Promise<void>}} props `onJoin` throws what the card shows
 */
export function JoinCard({ title, text, action, notice = null, onJoin }) {
  const name = useSignal("");
  const problem = useSignal(notice);
  const isBusy = useSignal(false);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    if (!name.value.trim() || isBusy.value) return;
    isBusy.value = true;
    problem.value = null;
    try {
      await onJoin(name.value.trim());
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
    isBusy.value = false;
  }

  return html`<form class="card join-card" onSubmit=${submit}>
    <h1>${title}</h1>
    <p class="dim">${text}</p>
    <label class="field">
      <span>Your name</span>
      <input
        data-testid="name-input"
        name="name"
        autocomplete="nickname"
        maxlength="32"
        placeholder="Mia"
        autofocus
        value=${name.value}
        onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => (name.value = currentTarget.value)}
      />
    </label>
    <button class="button is-primary" data-testid="join" disabled=${!name.value.trim() || isBusy.value}>${action}</button>
    ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
  </form>`;
}
