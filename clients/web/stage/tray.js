// The tray: who sends what, with a counter that grows. At most a handful of rows, at the stage's lower left.

import { hueOf, initialOf, number } from "../ui/format.js";
import { animated, art, element, prefersCalm } from "./motion.js";
import { senderName } from "./playing.js";
import { TrayRows, countOf } from "./tray-rows.js";

/** @import {Playing} from "./playing.js" */
/** @import {Row} from "./tray-rows.js" */

const SWEEP_MS = 250;
const EASE_OUT = "cubic-bezier(.16,1.2,.3,1)";
/** A lower stage has fewer rows, so that they don't reach what is written at its top. */
const LOW_STAGE_PX = 340;
/** A combo glows hotter from these counts on. */
const HEATS = [10, 50, 99];

/** @typedef {{box: HTMLElement, counter: HTMLElement, image: HTMLElement, count: number}} Drawn */

export class Tray {
  /** @type {Map<string, Drawn>} */
  #drawn = new Map();
  #timer;

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.rows = new TrayRows(parent.clientHeight < LOW_STAGE_PX ? 3 : 4);
    this.list = element("div", "tray");
    parent.append(this.list);
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** @param {Playing} playing */
  take(playing) {
    this.rows.take(playing, performance.now());
    this.#draw();
  }

  /** @param {string} key */
  end(key) {
    this.rows.end(key);
  }

  stop() {
    clearInterval(this.#timer);
    this.list.remove();
  }

  #sweep() {
    if (this.rows.sweep(performance.now()).length || this.rows.shown.size !== this.#drawn.size) this.#draw();
  }

  #draw() {
    for (const [key, drawn] of this.#drawn) {
      if (!this.rows.shown.has(key)) void this.#leave(key, drawn);
    }
    for (const [key, row] of this.rows.shown) {
      const drawn = this.#drawn.get(key) ?? this.#enter(key, row);
      this.#count(drawn, countOf(row));
    }
  }

  /** @param {string} key @param {Row} row @returns {Drawn} */
  #enter(key, { playing }) {
    const box = element("div", `tray-row tier-${playing.gift.tier}${playing.isOwn ? " is-own" : ""}`);
    box.dataset["testid"] = "stage-item";
    box.dataset["gift"] = playing.gift.id;
    box.dataset["key"] = key;
    const face = element("span", "avatar avatar-m", playing.sender.name === null ? "?" : initialOf(playing.sender.name));
    face.style.setProperty("--hue", String(hueOf(playing.sender.id ?? "anonymous")));
    const words = element("span", "tray-words");
    words.append(element("b", "", senderName(playing)), element("span", "", `sent ${playing.gift.name}`));
    const image = art(playing.image, "tray-art");
    const counter = element("span", "combo");
    counter.dataset["testid"] = "combo-count";
    box.append(face, words, image, counter);
    this.list.append(box);
    const frames = prefersCalm()
      ? [{ opacity: 0 }, { opacity: 1 }]
      : [
          { opacity: 0, transform: "translateX(-110%)" },
          { opacity: 1, transform: "none" },
        ];
    void animated(box, frames, { duration: 420, easing: EASE_OUT });
    const drawn = { box, counter, image, count: 0 };
    this.#drawn.set(key, drawn);
    return drawn;
  }

  /** @param {Drawn} drawn @param {number} count */
  #count(drawn, count) {
    if (count === drawn.count) return;
    drawn.count = count;
    drawn.counter.textContent = `×${number(count)}`;
    drawn.counter.dataset["value"] = String(count);
    drawn.counter.dataset["heat"] = String(HEATS.filter((from) => count >= from).length);
    // Bigger with every tenfold, so that a long combo is seen to be long.
    const size = 1 + Math.min(0.75, Math.log10(count) * 0.3);
    drawn.counter.style.setProperty("--size", size.toFixed(2));
    if (prefersCalm()) return;
    drawn.counter.animate([{ transform: "scale(1.9) rotate(-6deg)" }, { transform: "none" }], { duration: 320, easing: EASE_OUT });
    drawn.image.animate(
      [{ transform: "scale(1)" }, { transform: "scale(1.3) rotate(8deg)", offset: 0.3 }, { transform: "none" }],
      { duration: 360, easing: "ease-out" },
    );
  }

  /** @param {string} key @param {Drawn} drawn */
  async #leave(key, { box }) {
    this.#drawn.delete(key);
    delete box.dataset["testid"]; // it is on its way out and may not be taken for another gift
    const end = prefersCalm() ? { opacity: 0 } : { opacity: 0, transform: "translate(-12px,-24px) scale(.96)" };
    await animated(box, [{ opacity: 1, transform: "none" }, end], { duration: 320, easing: "ease-in" });
    box.remove();
  }
}
