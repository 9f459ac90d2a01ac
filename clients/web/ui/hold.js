// Press, or hold to repeat: a click is one gift, a held button many. The first gift leaves at the click, so that a
// finger which only scrolls by sends nothing.

const HOLD_AFTER_MS = 380;
/** About 6 a second; the server allows 10. */
const REPEAT_MS = 160;

/**
 * Handlers for a button.
 * @param {() => void} act @param {() => boolean} mayRepeat
 */
export function holdable(act, mayRepeat) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let wasHeld = false;

  function repeat() {
    wasHeld = true;
    act();
    timer = setTimeout(repeat, REPEAT_MS);
  }
  const stop = () => clearTimeout(timer);

  return {
    /** @param {PointerEvent} event */
    onPointerDown(event) {
      wasHeld = false;
      if (event.button !== 0 || !mayRepeat()) return;
      stop();
      timer = setTimeout(repeat, HOLD_AFTER_MS);
    },
    onPointerUp: stop,
    onPointerLeave: stop,
    onPointerCancel: stop,
    onBlur: stop,
    onContextMenu: (/** @type {Event} */ event) => event.preventDefault(), // a long touch
    /** A held Enter clicks again and again: right for roses, wrong for a castle. @param {KeyboardEvent} event */
    onKeyDown(event) {
      if (event.repeat && !mayRepeat()) event.preventDefault();
    },
    onClick() {
      stop();
      if (!wasHeld) act();
      wasHeld = false;
    },
  };
}
