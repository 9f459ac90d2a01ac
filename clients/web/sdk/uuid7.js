// Gift ids: UUIDv7 (RFC 9562) on the server's time, because a phone's clock may be hours off and the server would
// refuse the id. 74 bits of chance follow the 48 bits of time.

/** How long after it was made an id may be resent and is surely known to the server. */
export const ID_WINDOW_MS = 15 * 60 * 1_000;

/**
 * @param {number} timeMs milliseconds since 1970
 * @param {(bytes: Uint8Array<ArrayBuffer>) => unknown} fill fills the array with chance
 */
export function uuid7(timeMs, fill = (bytes) => crypto.getRandomValues(bytes)) {
  const bytes = new Uint8Array(16);
  fill(bytes);
  // Six bytes of time, most significant first; beyond 32 bits, so no shifts.
  let rest = Math.floor(timeMs);
  for (let place = 5; place >= 0; place -= 1) {
    bytes[place] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = 0x70 | (/** @type {number} */ (bytes[6]) & 0x0f);
  bytes[8] = 0x80 | (/** @type {number} */ (bytes[8]) & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The time inside a UUIDv7. @param {string} id */
export function uuid7Ms(id) {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}
