// Small flights of tier 2: the art drifts up along the stage's right side, a few of them for a big count.

import { art, between, prefersCalm } from "./motion.js";

/** @import {Budget} from "./motion.js" */
/** @import {Playing} from "./playing.js" */

const FLIGHTS_MAX = 6;

/** @param {HTMLElement} stage @param {Budget} budget @param {Playing} playing */
export function fly(stage, budget, { image, count }) {
  if (prefersCalm()) return;
  const height = stage.clientHeight;
  for (let place = 0; place < Math.min(count, FLIGHTS_MAX); place += 1) {
    const flyer = art(image, "flyer");
    const side = place % 2 ? 1 : -1;
    const sway = between(14, 44) * side;
    const rise = -height * between(0.62, 0.86);
    const turn = between(8, 22) * side;
    const taken = budget.spend(
      stage,
      flyer,
      [
        { opacity: 0, transform: "translate(0, 10px) scale(.3)" },
        { opacity: 1, transform: `translate(${sway}px, ${rise * 0.18}px) scale(1.15) rotate(${turn}deg)`, offset: 0.16 },
        { opacity: 1, transform: `translate(${-sway}px, ${rise * 0.6}px) scale(1) rotate(${-turn}deg)`, offset: 0.62 },
        { opacity: 0, transform: `translate(${sway * 0.6}px, ${rise}px) scale(.8) rotate(${turn}deg)` },
      ],
      { duration: between(1_900, 2_600), delay: place * 130, easing: "cubic-bezier(.3,.1,.5,1)" },
    );
    if (!taken) return;
  }
}
