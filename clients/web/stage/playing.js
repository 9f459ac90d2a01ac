// A gift as the stage sees it, made from an event of the room or from one's own receipt.

/**
 * @typedef {object} Playing
 * @property {string} key the combo's id, or the event's: gifts with one key share one place on the stage
 * @property {string} eventId
 * @property {{id: string, name: string, price_coins: number, tier: number}} gift
 * @property {string} image address of its art
 * @property {{id: string | null, name: string | null}} sender name null: anonymous
 * @property {number} count of this event
 * @property {number | null} total of the combo as the server says it; null: not known yet
 * @property {number} coins
 * @property {boolean} isOwn
 */

/** @param {Playing} playing */
export const senderName = (playing) => playing.sender.name ?? "Anonymous";
