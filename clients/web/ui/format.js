// Numbers and times for people.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 44999 -> "44,999". @param {number} value */
export const number = (value) => whole.format(value);

/** 44999 -> "45K"; small numbers stay as they are. @param {number} value */
export const short = (value) => (value < 10_000 ? whole.format(value) : compact.format(value));

/** @param {number} timeMs */
export const clockTime = (timeMs) =>
  new Date(timeMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A hue of one's own, the same in every tab. @param {string} text */
export function hueOf(text) {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return hash;
}

/** @param {string} name */
export const initialOf = (name) => ([...name.trim()][0] ?? "?").toUpperCase();
