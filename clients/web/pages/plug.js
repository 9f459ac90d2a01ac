// /plug on the demo's admin port: kill processes under load, see the outage and the recovery, and read the verdict.
// It asks the supervisor, which stays; the edges, whose WebSocket other pages use, are among what is killed.

import { Brand } from "../ui/bits.js";
import { number } from "../ui/format.js";
import { html, render, signal } from "../ui/html.js";
import { PlugChart } from "../ui/plug-chart.js";
import { PlugLog } from "../ui/plug-log.js";
import { PlugRun } from "../ui/plug-run.js";
import { Targets } from "../ui/plug-targets.js";
import { PlugVerdict } from "../ui/plug-verdict.js";
import { ThemeToggle } from "../ui/theme-toggle.js";
import { Toasts, toast } from "../ui/toasts.js";

/** @import {State} from "../ui/plug-run.js" */

const run = new PlugRun();
const isBusy = signal(false);

/** @param {() => Promise<void>} action */
async function ask(action) {
  isBusy.value = true;
  await action().catch((error) => toast(error.message));
  isBusy.value = false;
}

/** @param {State} state */
const isOver = ({ phase }) => phase === "done" || phase === "failed";

/** @param {{label: string}} props */
const Start = ({ label }) =>
  html`<button type="button" class="button is-primary start" data-testid="start" aria-disabled=${isBusy.value} onClick=${() => isBusy.value || ask(run.start)}>${label}</button>`;

/** @param {{state: State}} props */
const Intro = ({ state }) =>
  html`<section class="intro">
    <h1>Pull the plug. <em>Count what is lost.</em></h1>
    <p class="dim">
      ${number(state.viewers)} bots will send ${state.rate} gifts a second and watch for every one of them, while you kill
      Valkey, the flusher or the edge as often as you like, with <code>kill -9</code>. After a minute, or when you finish,
      the bots say what was lost or doubled, and an audit recomputes the books.
    </p>
    ${state.phase === "idle" && html`<${Start} label="Start" />`}
  </section>`;

/** @type {Record<string, string>} */
const DOING = {
  joining: "The bots are joining …",
  gifting: "Now kill something.",
  settling: "All sent. Waiting for the last gift and the last combo …",
  comparing: "Comparing what was seen with what was paid …",
  auditing: "The audit recomputes the books …",
};

/** @param {{state: State}} props */
function Doing({ state }) {
  const isGifting = state.phase === "gifting";
  const left = Math.max(0, Math.ceil(state.seconds - (state.figures.at_ms ?? 0) / 1_000));
  return html`<section class="doing">
    <h1>${!isGifting && html`<i class="spinner" aria-hidden="true"></i>`}${DOING[state.phase]}</h1>
    ${isGifting && html`<span class="dim" aria-live="off" data-testid="left">${left} s<span class="word"> left</span></span>
      <button type="button" class="button" data-testid="finish" aria-disabled=${isBusy.value} onClick=${() => isBusy.value || ask(run.finish)}>Finish</button>`}
  </section>`;
}

/** @param {{state: State}} props */
function Figures({ state }) {
  const { sent, accepted, settled, shown, waiting, away } = state.figures;
  const figures = { sent, accepted, settled, seen: shown, waiting, "viewers away": away };
  return html`<dl class="card counts live-counts">
    ${Object.entries(figures).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd data-testid=${`count-${name.replace(" ", "-")}`}>${number(value)}</dd></div>`)}
  </dl>`;
}

function Page() {
  const state = run.state.value;
  if (!state) return html`<p class="problem" role="alert">${run.isGone.value ? "The demo does not answer. Trying again …" : ""}</p>`;
  const isRunning = state.phase !== "idle" && !isOver(state);
  return html`
    <header class="bar">
      <${Brand} href=${state.url} /><span class="tag">The plug</span><span class="bar-space"></span><${ThemeToggle} />
    </header>
    ${run.isGone.value && html`<p class="offline-banner" role="alert"><i class="spinner"></i>The demo itself does not answer: was it ended?</p>`}
    <main class=${`phase-${state.phase}`} data-testid="plug" data-phase=${state.phase}>
      <div aria-live="polite">
        ${isRunning ? html`<${Doing} state=${state} />` : isOver(state) ? html`<${PlugVerdict} state=${state} />` : html`<${Intro} state=${state} />`}
      </div>
      ${state.phase !== "idle" &&
      html`<section class="card"><${PlugChart} samples=${run.samples.value} events=${state.events} rate=${state.rate} isRunning=${isRunning} /></section>`}
      ${isOver(state) ? html`<div class="again"><${Start} label="Do it again" /></div>` : html`<${Targets} state=${state} run=${run} />`}
      ${isRunning && html`<${Figures} state=${state} />`}
      ${state.phase !== "idle" && html`<section class="card"><h2>What happened</h2><${PlugLog} state=${state} /></section>`}
    </main>
    <${Toasts} />
  `;
}

render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void run.follow();
