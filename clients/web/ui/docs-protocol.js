// The WebSocket protocol: every message of /v1/asyncapi.json, and every code, where problem documents point to.

import { Fields, Words } from "./docs-bits.js";
import { fieldsOf, resolved } from "./docs-schema.js";
import { html } from "./html.js";

/** @import {OpenApi} from "./docs-http.js" */
/** @import {Components, Schema} from "./docs-schema.js" */

/**
 * @typedef {{name: string, summary: string, payload: Schema}} Message
 * @typedef {{info: {description: string}, components: {messages: Record<string, Message>, schemas: Components},
 *   operations: Record<"command" | "push", {messages: {$ref: string}[]}>,
 *   "x-error-codes": Record<string, {temporary: boolean, description: string}>, "x-close-codes": Record<string, string>}} AsyncApi
 * @typedef {{code: string, text: string, status: number | null, where: string}} CodeLine
 */

/** @param {AsyncApi} api @param {"command" | "push"} way @returns {Message[]} */
export const messagesOf = (api, way) =>
  api.operations[way].messages.flatMap(({ $ref }) => api.components.messages[$ref.split("/").pop() ?? ""] ?? []);

/** What stands in a room's `events`, by its tag. @param {AsyncApi} api @returns {Message[]} */
export function eventsOf(api) {
  const { messages, schemas } = api.components;
  const room = resolved(messages["room"]?.payload ?? {}, schemas);
  /** @type {Schema[]} */
  const kinds = room["properties"]?.events?.items?.anyOf ?? [];
  return kinds.map((payload) => {
    const shape = resolved(payload, schemas);
    const name = shape["properties"].type.enum?.[0] ?? shape["title"];
    return { name, summary: shape["description"] ?? "", payload };
  });
}

/** Every code of both ways to ask. @param {AsyncApi} socket @param {OpenApi} http @returns {CodeLine[]} */
export const codesOf = (socket, http) =>
  Object.entries(http["x-error-codes"]).map(([code, { status, description }]) => {
    const own = socket["x-error-codes"][code];
    const where = !own ? "HTTP alone" : own.temporary ? "try again" : "final";
    return { code, text: description, status, where };
  });

/** @param {{message: Message, components: Components, way: string}} props */
export function MessageCard({ message, components, way }) {
  const shape = resolved(message.payload, components);
  const fields = fieldsOf(shape, components).filter((field) => field.name !== "type");
  return html`<article class="card operation" id=${`${way}-${message.name}`} data-testid="message">
    <h3><a class="anchor" href=${`#${way}-${message.name}`}><span class=${`method is-${way}`}>${way}</span> <code>${message.name}</code></a></h3>
    <p class="summary"><${Words} text=${message.summary} /></p>
    <${Fields} fields=${fields} caption=${`Fields of ${message.name}`} />
  </article>`;
}

/** @param {{codes: CodeLine[], chosen: string}} props */
export const Codes = ({ codes, chosen }) =>
  html`<div class="card codes">
    <table>
      <thead><tr><th scope="col">code</th><th scope="col">means</th><th scope="col">HTTP</th><th scope="col">again?</th></tr></thead>
      <tbody>
        ${codes.map(
          ({ code, text, status, where }) => html`<tr key=${code} id=${code} class=${code === chosen ? "is-chosen" : ""} data-testid="code">
            <th scope="row"><a class="anchor" href=${`#${code}`}><code>${code}</code></a></th>
            <td><${Words} text=${text} /></td>
            <td>${status ?? "–"}</td>
            <td class="dim">${where}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;

/** @param {{closes: [string, string][]}} props */
export const Closes = ({ closes }) =>
  html`<div class="card codes">
    <table>
      <thead><tr><th scope="col">close code</th><th scope="col">means</th></tr></thead>
      <tbody>${closes.map(([code, text]) => html`<tr key=${code} id=${`close-${code}`}><th scope="row"><code>${code}</code></th><td>${text}</td></tr>`)}</tbody>
    </table>
  </div>`;
