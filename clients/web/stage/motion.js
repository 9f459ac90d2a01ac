// The Web Animations API with manners: elements that remove themselves, a particle budget, reduced motion.

const reduced = matchMedia("(prefers-reduced-motion: reduce)");

export const prefersCalm = () => reduced.matches;

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} className @param {string} [text]
 */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Art of a gift, decorative: the caption says what it is. @param {string} src @param {string} className */
export function art(src, className) {
  const image = element("img", className);
  image.src = src;
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  return image;
}

/** Animate, and resolve when it is over or was cut short. @param {Element} target @param {Keyframe[]} frames @param {KeyframeAnimationOptions} options */
export async function animated(target, frames, options) {
  try {
    await target.animate(frames, { fill: "both", ...options }).finished;
  } catch {
    // Cancelled: the stage was cleared or the page is leaving.
  }
}

/** A fixed number of small moving things at a time; beyond it they are not made at all. */
export class Budget {
  used = 0;

  /** @param {number} max */
  constructor(max) {
    this.max = max;
  }

  /** @param {HTMLElement} parent @param {HTMLElement} particle @param {Keyframe[]} frames @param {KeyframeAnimationOptions} options */
  spend(parent, particle, frames, options) {
    if (this.used >= this.max) return false;
    this.used += 1;
    parent.append(particle);
    void animated(particle, frames, options).then(() => {
      this.used -= 1;
      particle.remove();
    });
    return true;
  }
}

/** @param {number} from @param {number} to */
export const between = (from, to) => from + Math.random() * (to - from);
