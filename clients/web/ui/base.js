// Where livegift is on its host: "" or a path such as "/gifts" (the setting base_path). The server tells it to each page, and whether
// people sign in with the platform's own accounts.

/** What every path of ours begins with. */
export const BASE = document.documentElement.dataset["base"] ?? "";

/** @param {string} path of ours, as if livegift had a host of its own @returns {string} as this page can ask for it */
export const at = (path) => BASE + path;

/** Whether the studio is entered with an account of the platform's. */
export const HAS_LOGIN = document.documentElement.dataset["login"] !== undefined;
