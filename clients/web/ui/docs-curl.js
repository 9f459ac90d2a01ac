// A request as curl sends it: what somebody pastes first. Pure.

/**
 * @typedef {{name: string, in: string, required?: boolean, schema: {[key: string]: any}, description?: string}} Parameter
 * @typedef {{method: string, path: string, parameters: Parameter[], body: unknown, bearer: "" | "TOKEN" | "KEY"}} Asked
 */

/** @type {Record<string, string>} */
const KNOWN = { room_id: "r1", user_id: "ann", creator_id: "luna", "Idempotency-Key": "order 1042" };

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;

/** @param {string} origin @param {Asked} asked @returns {string} lines joined by backslashes */
export function curlOf(origin, { method, path, parameters, body, bearer }) {
  const words = [];
  if (method !== "GET" && !(method === "POST" && body)) words.push(`--request ${method}`);
  if (bearer) words.push(`--header "Authorization: Bearer $${bearer}"`);
  for (const one of parameters) {
    if (one.in === "header" && one.required) words.push(`--header ${quoted(`${one.name}: ${KNOWN[one.name] ?? "…"}`)}`);
  }
  if (body) words.push(`--json ${quoted(JSON.stringify(body))}`);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => KNOWN[name] ?? name);
  return ["curl", ...words, quoted(origin + filled)].join(words.length > 1 ? " \\\n  " : " ");
}
