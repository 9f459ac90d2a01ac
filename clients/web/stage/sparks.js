// Bursts and rain: the particles of big gifts. All of them count against the stage's budget.

import { art, between, element } from "./motion.js";

/** @import {Budget} from "./motion.js" */

const COLOURS = ["#ff3d7f", "#ffcb47", "#8a5bff", "#4dd6ff", "#5df2b0", "#ff8a3d"];

/** Rays of sparks from the middle. @param {HTMLElement} parent @param {Budget} budget @param {number} sparks @param {number} reach in pixels */
export function burst(parent, budget, sparks, reach) {
  for (let place = 0; place < sparks; place += 1) {
    const angle = (place / sparks) * 2 * Math.PI + between(-0.15, 0.15);
    const far = reach * between(0.6, 1);
    const spark = element("i", "spark");
    spark.style.background = COLOURS[place % COLOURS.length] ?? "";
    const to = `translate(${Math.cos(angle) * far}px, ${Math.sin(angle) * far}px)`;
    const frames = [
      { opacity: 1, transform: "translate(0,0) scale(.4)" },
      { opacity: 1, transform: `${to} scale(1)`, offset: 0.6 },
      { opacity: 0, transform: `${to} translateY(30px) scale(.2)` },
    ];
    const options = { duration: between(900, 1_500), easing: "cubic-bezier(.1,.8,.3,1)" };
    if (!budget.spend(parent, spark, frames, options)) return;
  }
}

/** Confetti and small copies of the gift fall from above. @param {HTMLElement} parent @param {Budget} budget @param {string} image @param {number} pieces */
export function rain(parent, budget, image, pieces) {
  const { clientWidth: width, clientHeight: height } = parent;
  for (let place = 0; place < pieces; place += 1) {
    const piece = place % 4 === 0 ? art(image, "rain-art") : element("i", "confetti");
    if (place % 4) piece.style.background = COLOURS[place % COLOURS.length] ?? "";
    const x = between(0, width);
    const turn = between(200, 720) * (place % 2 ? 1 : -1);
    const frames = [
      { opacity: 0, transform: `translate(${x}px, -40px) rotate(0deg)` },
      { opacity: 1, transform: `translate(${x + between(-20, 20)}px, ${height * 0.15}px) rotate(${turn * 0.2}deg)`, offset: 0.15 },
      { opacity: 1, transform: `translate(${x + between(-50, 50)}px, ${height * 0.8}px) rotate(${turn * 0.8}deg)`, offset: 0.85 },
      { opacity: 0, transform: `translate(${x + between(-60, 60)}px, ${height}px) rotate(${turn}deg)` },
    ];
    const options = { duration: between(2_200, 3_400), delay: between(0, 1_300), easing: "linear" };
    if (!budget.spend(parent, piece, frames, options)) return;
  }
}
