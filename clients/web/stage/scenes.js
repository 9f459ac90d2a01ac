// Tiers 3 and 4: one big scene at a time. Tier 3 plays on the stage, tier 4 over the whole page. With reduced motion a
// scene is a card that fades in and out; when many wait, each is shorter.

import { number } from "../ui/format.js";
import { animated, art, element, prefersCalm } from "./motion.js";
import { senderName } from "./playing.js";
import { SceneQueue } from "./scene-queue.js";
import { burst, rain } from "./sparks.js";

/** @import {Budget} from "./motion.js" */
/** @import {Playing} from "./playing.js" */

const SCENE_MS = { stage: 3_000, full: 4_800 };
const HURRY_FROM = 3;
const OVERSHOOT = "cubic-bezier(.2,1.3,.3,1)";

/** How the art of some gifts comes and goes; the others rise. @type {Record<string, Keyframe[]>} */
const PATHS = {
  rocket: [
    { opacity: 0, transform: "translate(-90%, 120%) scale(.5)", easing: "ease-out" },
    { opacity: 1, transform: "translate(-6%, 6%) scale(1)", offset: 0.24 },
    { transform: "translate(4%, -4%) scale(1.04) rotate(-2deg)", offset: 0.5 },
    { transform: "translate(-4%, 5%) scale(1.02) rotate(2deg)", offset: 0.72 },
    { opacity: 0, transform: "translate(140%, -180%) scale(.7)" },
  ],
  dragon: [
    { opacity: 0, transform: "translate(130%, -40%) scale(.6) rotate(10deg)" },
    { opacity: 1, transform: "translate(8%, 6%) scale(1.05) rotate(-4deg)", offset: 0.3 },
    { transform: "translate(-6%, -6%) scale(1.15) rotate(4deg)", offset: 0.6 },
    { opacity: 1, transform: "translate(-20%, 0) scale(1.1) rotate(-3deg)", offset: 0.8 },
    { opacity: 0, transform: "translate(-140%, -50%) scale(.8) rotate(-8deg)" },
  ],
};
/** @type {Keyframe[]} */
const RISE = [
  { opacity: 0, transform: "translateY(70%) scale(.3)", easing: "ease-out" },
  { opacity: 1, transform: "translateY(-4%) scale(1.12)", offset: 0.16 },
  { transform: "none", offset: 0.26 },
  { transform: "translateY(-3%) rotate(2deg)", offset: 0.5 },
  { opacity: 1, transform: "translateY(1%) rotate(-2deg)", offset: 0.8, easing: "ease-in" },
  { opacity: 0, transform: "translateY(-40%) scale(.7)" },
];
const FADE = [{ opacity: 0 }, { opacity: 1, offset: 0.1 }, { opacity: 1, offset: 0.88 }, { opacity: 0 }];

export class Scenes {
  queue = new SceneQueue();
  #isPlaying = false;
  #hasStopped = false;

  /** @param {HTMLElement} stage @param {Budget} budget */
  constructor(stage, budget) {
    this.stage = stage;
    this.budget = budget;
  }

  /** @param {Playing} playing */
  take(playing) {
    this.queue.push(playing);
    void this.#run();
  }

  stop() {
    this.#hasStopped = true;
    this.queue.clear();
  }

  async #run() {
    if (this.#isPlaying) return;
    this.#isPlaying = true;
    for (let next = this.queue.next(); next && !this.#hasStopped; next = this.queue.next()) {
      await this.#play(next);
    }
    this.#isPlaying = false;
  }

  /** @param {Playing} playing */
  async #play(playing) {
    const isFull = playing.gift.tier >= 4;
    const hurry = this.queue.length >= HURRY_FROM ? 0.6 : 1;
    const duration = (isFull ? SCENE_MS.full : SCENE_MS.stage) * hurry;
    const scene = drawn(playing, isFull);
    (isFull ? document.body : this.stage).append(scene.box);
    const ends = animated(scene.box, FADE, { duration, easing: "linear" });
    if (!prefersCalm()) this.#move(scene, playing, { isFull, duration });
    await ends;
    scene.box.remove();
  }

  /** @param {ReturnType<typeof drawn>} scene @param {Playing} playing @param {{isFull: boolean, duration: number}} how */
  #move({ box, image, rays, caption }, { gift, image: src }, { isFull, duration }) {
    // Eased from frame to frame: one curve over all of it would hurry through the middle.
    const path = (PATHS[gift.id] ?? RISE).map((frame) => ({ easing: "ease-in-out", ...frame }));
    void animated(image, path, { duration, easing: "linear" });
    void animated(rays, [{ transform: "rotate(0)" }, { transform: "rotate(90deg)" }], { duration, easing: "linear" });
    const pop = [{ opacity: 0, transform: "translateY(24px) scale(.8)" }, { opacity: 1, transform: "none" }];
    void animated(caption, pop, { duration: 520, delay: 260, easing: OVERSHOOT });
    const reach = Math.min(box.clientWidth, box.clientHeight) * (isFull ? 0.55 : 0.45);
    setTimeout(() => burst(box, this.budget, isFull ? 26 : 16, reach), duration * 0.14);
    if (!isFull) return;
    rain(box, this.budget, src, 32);
    const shake = [0, -4, 5, -3, 2, 0].map((x) => ({ transform: `translateX(${x}px)` }));
    this.stage.animate(shake, { duration: 420, delay: duration * 0.14 });
  }
}

/** @param {Playing} playing @param {boolean} isFull */
function drawn(playing, isFull) {
  const box = element("div", `scene ${isFull ? "is-full" : "is-stage"} tier-${playing.gift.tier}`);
  box.dataset["testid"] = "stage-item";
  box.dataset["gift"] = playing.gift.id;
  box.dataset["key"] = playing.key;
  const rays = element("div", "rays");
  const image = art(playing.image, "scene-art");
  const caption = element("p", "scene-caption");
  const times = playing.count > 1 ? ` ×${number(playing.count)}` : "";
  caption.append(
    element("b", "scene-gift", playing.gift.name + times),
    element("span", "scene-sender", `from ${senderName(playing)}`),
  );
  box.append(rays, image, caption);
  return { box, rays, image, caption };
}
