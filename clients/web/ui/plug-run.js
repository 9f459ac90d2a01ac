// What the page knows of a run: asked of the server four times a second, and what buttons ask of it.

import { batch, signal } from "./html.js";

/** @import {Signal} from "@preact/signals" */
/** @import {Sample} from "./plug-rates.js" */

/** @typedef {"valkey" | "flusher" | "edge"} Role */
/** @typedef {"idle" | "joining" | "gifting" | "settling" | "comparing" | "auditing" | "done" | "failed"} Phase */
/** @typedef {{key: number, at_ms: number, kind: string, role: Role | null, pid: number | null, chart_ms: number | null, seen_after_ms: number | null}} Event */
/** @typedef {{role: Role, index: number, pid: number | null, is_ready: boolean, starts: number}} Process */
/** @typedef {{at_ms: number | null, sent: number, accepted: number, settled: number, shown: number, waiting: number, away: number}} Figures */
/**
 * @typedef {{sent: number, accepted: number, settled: number, shown: number, seen: number, refused: number, lost: number,
 *   doubled: number, out_of_order: number, combos_open: number, drift: number | null,
 *   audited: {rows: number, wallets: number} | null, reconnects: number, failures: string[]}} Verdict
 */
/**
 * @typedef {{url: string, run: number, phase: Phase, rate: number, seconds: number, viewers: number, figures: Figures,
 *   processes: Process[], events: Event[], samples: Sample[], samples_from: number, verdict: Verdict | null,
 *   trouble: string | null}} State
 */

/** @type {Record<string, string>} */
export const NAMES = { valkey: "Valkey", flusher: "flusher", edge: "edge" };
const POLL_MS = 250;
const IDLE_MS = 1_000;

export class PlugRun {
  /** @type {Signal<State | null>} */
  state = signal(null);
  /** All of the run's, oldest first. @type {Signal<Sample[]>} */
  samples = signal([]);
  /** Whether the demo itself does not answer. */
  isGone = signal(false);

  /** Ask now and for ever. */
  async follow() {
    for (;;) {
      await this.look();
      const phase = this.state.peek()?.phase ?? "idle";
      const isIdle = phase === "idle" || phase === "done" || phase === "failed" || document.visibilityState === "hidden";
      await new Promise((resolve) => setTimeout(resolve, isIdle ? IDLE_MS : POLL_MS));
    }
  }

  async look() {
    try {
      const response = await fetch(`/plug/state?after=${this.samples.peek().length}`);
      if (!response.ok) throw new Error(String(response.status));
      this.#take(await response.json());
      this.isGone.value = false;
    } catch {
      this.isGone.value = true;
    }
  }

  start = () => this.#post("start", {});
  finish = () => this.#post("finish", {});
  /** @param {Role} role */
  kill = (role) => this.#post("kill", { role });

  /** @param {State} state */
  #take(state) {
    const isOther = this.state.peek()?.run !== state.run;
    const known = this.samples.peek();
    batch(() => {
      this.state.value = state;
      // Another run has begun since we asked for the old one's samples: take what comes from the next answer on.
      if (isOther) this.samples.value = state.samples_from ? [] : state.samples;
      else if (state.samples_from === known.length && state.samples.length) this.samples.value = [...known, ...state.samples];
    });
  }

  /** Raises what the server says against it. @param {string} what @param {object} body */
  async #post(what, body) {
    const response = await fetch(`/plug/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => {
      throw new Error("The demo does not answer.");
    });
    if (!response.ok) throw new Error((await response.json()).detail);
    await this.look();
  }
}
