// What the feed lists: one line a gift, or one a combo that grows. Pure.
//
// A flood of single roses would push everything else out of sight, so a combo keeps its line and counts up there.

/** @import {GiftEvent, GiftInfo, RoomEvent, Sender} from "../sdk/protocol.js" */

/**
 * @typedef {{key: string, sender: Sender, gift: GiftInfo, count: number, coins: number, points: number,
 *   message: string | null, tsMs: number, isOpen: boolean, isTest: boolean}} Line `isOpen`: a combo that may grow
 */

export const LINES_MAX = 80;

/** @param {Line[]} lines newest first @param {RoomEvent[]} events in order @returns {Line[]} */
export function withEvents(lines, events) {
  let next = [...lines];
  for (const event of events) {
    if (event.type === "gift") next = withGift(next, event);
    else if (event.type === "combo_ended") next = ended(next, event.combo.id);
  }
  return next.slice(0, LINES_MAX);
}

/** @param {Line[]} lines @param {GiftEvent} event */
function withGift(lines, event) {
  const key = event.combo?.id ?? event.event_id;
  const place = lines.findIndex((line) => line.key === key);
  const known = lines[place];
  const coins = event.combo?.coins_total ?? event.coins;
  /** @type {Line} */
  const line = {
    key,
    sender: event.sender,
    gift: event.gift,
    count: event.combo?.total ?? event.count,
    coins,
    // Of a combo that began before we came the earlier points aren't known; they are credited 1:1 with coins.
    points: (known?.points ?? coins - event.coins) + event.points,
    message: event.message ?? known?.message ?? null,
    tsMs: event.ts_ms,
    isOpen: event.combo !== null,
    isTest: event.test,
  };
  return known ? lines.with(place, line) : [line, ...lines];
}

/** @param {Line[]} lines @param {string} key */
const ended = (lines, key) => lines.map((line) => (line.key === key ? { ...line, isOpen: false } : line));
