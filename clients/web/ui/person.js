// Who this tab is. Kept in sessionStorage: a reload keeps you, and each tab is its own person.

/** @import {User} from "../sdk/protocol.js" */
/** @typedef {{token: string, user: User | null}} Person `user` is unknown until the server has read the token */

/** @param {"viewer" | "creator"} role @returns {Person | null} */
export function remembered(role) {
  try {
    const person = JSON.parse(sessionStorage.getItem(`livegift.${role}`) ?? "null");
    return typeof person?.token === "string" ? person : null;
  } catch {
    return null;
  }
}

/** @param {"viewer" | "creator"} role @param {Person} person */
export const remember = (role, person) => sessionStorage.setItem(`livegift.${role}`, JSON.stringify(person));

/** @param {"viewer" | "creator"} role */
export const forget = (role) => sessionStorage.removeItem(`livegift.${role}`);
