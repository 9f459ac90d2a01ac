// The three processes, how they fare, and the button that kills each.

import { html } from "./html.js";
import { NAMES } from "./plug-run.js";
import { toast } from "./toasts.js";

/** @import {PlugRun, Process, Role, State} from "./plug-run.js" */

/** @type {Record<Role, string>} */
const WHAT = {
  valkey: "The hot ledger and the rooms. Every balance that moves is in its memory.",
  flusher: "Carries gifts from the journal into the book, and announces them.",
  edge: "Holds every viewer's connection. All of them fall.",
};

/** @param {Process[]} processes of one role @param {boolean} isSeen whether gifts sent since its last death were seen */
function fareOf(processes, isSeen) {
  if (processes.some(({ pid }) => pid === null)) return { word: "down", lamp: "is-offline" };
  if (processes.some(({ is_ready }) => !is_ready)) return { word: "starting", lamp: "" };
  return isSeen ? { word: "up", lamp: "is-connected" } : { word: "recovering", lamp: "" };
}

/** @param {{role: Role, state: State, run: PlugRun}} props */
function Target({ role, state, run }) {
  const processes = state.processes.filter((one) => one.role === role);
  if (!processes.length) return null;
  const isGifting = state.phase === "gifting";
  const last = state.events.filter((event) => event.role === role).at(-1);
  const { word, lamp } = fareOf(processes, !isGifting || !last || last.seen_after_ms !== null);
  const starts = processes.reduce((sum, one) => sum + one.starts, 0);
  const kill = () => isGifting && run.kill(role).catch((error) => toast(error.message));
  return html`<section class="card target" data-testid=${`target-${role}`} data-fare=${word}>
    <div class="target-head">
      <h2>${NAMES[role]}</h2>
      <span class=${`lamp ${lamp}`} data-testid=${`fare-${role}`}>${word}</span>
    </div>
    <p class="dim target-what">${WHAT[role]}</p>
    <p class="dim target-facts">pid ${processes.map(({ pid }) => pid ?? "–").join(", ")} · started ${starts === 1 ? "once" : `${starts} times`}</p>
    <button type="button" class="button kill" aria-disabled=${!isGifting} data-testid=${`kill-${role}`} onClick=${kill}>Kill ${NAMES[role]}</button>
  </section>`;
}

/** @param {{state: State, run: PlugRun}} props */
export const Targets = ({ state, run }) =>
  html`<div class="targets">
    ${/** @type {Role[]} */ (["valkey", "flusher", "edge"]).map((role) => html`<${Target} key=${role} role=${role} state=${state} run=${run} />`)}
  </div>`;
