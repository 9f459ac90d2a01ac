// The HTTP API: every operation of /v1/openapi.json, by its tag.

import { BASE } from "./base.js";
import { Code, Fields, Snippet, Words } from "./docs-bits.js";
import { curlOf } from "./docs-curl.js";
import { fieldsOf, limitsOf, resolved, typeOf } from "./docs-schema.js";
import { html } from "./html.js";

/** @import {Parameter} from "./docs-curl.js" */
/** @import {Components, Schema} from "./docs-schema.js" */

/**
 * @typedef {{operationId: string, tags: string[], summary: string, description?: string, security: object[],
 *   parameters?: Parameter[], requestBody?: {content: Record<string, {schema: Schema}>}, deprecated?: boolean,
 *   responses: Record<string, {description: string, content: Record<string, {schema: Schema}>}>}} Operation
 * @typedef {{id: string, method: string, path: string, told: Operation}} Listed
 * @typedef {{info: {title: string, description: string}, tags: {name: string, description: string}[],
 *   paths: Record<string, Record<string, Operation>>, components: {schemas: Components},
 *   "x-error-codes": Record<string, {status: number | null, description: string}>}} OpenApi
 */

const PROBLEM = "application/problem+json";

/** @param {OpenApi} api @returns {Listed[]} */
export const operationsOf = (api) =>
  Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => ({ id: told.operationId, method: method.toUpperCase(), path, told })),
  );

/** What somebody may look for. @param {Listed} one */
export const textOf = ({ id, method, path, told }) =>
  `${id} ${method} ${path} ${told.summary} ${told.description ?? ""} ${told.tags.join(" ")} ${codesOf(told).join(" ")}`;

/** @param {Operation} told @returns {string[]} */
const codesOf = (told) =>
  Object.values(told.responses).flatMap((answer) => answer.content[PROBLEM]?.schema["allOf"]?.[1]?.properties.code.enum ?? []);

/** Who may ask, in words. @param {Operation} told */
function askerOf({ security }) {
  const names = security.flatMap((one) => Object.keys(one));
  const isFree = security.length === 0 || security.some((one) => Object.keys(one).length === 0);
  if (!names.length) return "anybody";
  const words = names.map((name) => (name === "key" ? "an API key" : "a user's token")).join(" or ");
  return isFree ? `anybody, or ${words}` : words;
}

/** @param {Operation} told @returns {"" | "TOKEN" | "KEY"} */
function bearerOf({ security }) {
  if (security.length === 0 || security.some((one) => Object.keys(one).length === 0)) return "";
  return security.some((one) => "token" in one) ? "TOKEN" : "KEY";
}

/** @param {{parameters: Parameter[], components: Components}} props */
function Parameters({ parameters, components }) {
  const fields = parameters.map((one) => ({
    name: one.name,
    type: `${typeOf(one.schema, components)} in the ${one.in}`,
    limits: limitsOf(one.schema),
    text: one.description ?? "",
    isRequired: Boolean(one.required),
  }));
  return html`<${Fields} fields=${fields} caption="Parameters" />`;
}

/** @param {{told: Operation, components: Components}} props */
function Answers({ told, components }) {
  const good = Object.entries(told.responses).filter(([status]) => Number(status) < 300);
  const first = good[0]?.[1].content;
  const schema = first && Object.values(first)[0]?.schema;
  const shape = schema && resolved(schema, components);
  const refused = Object.entries(told.responses).flatMap(([status, answer]) => {
    /** @type {string[]} */
    const codes = answer.content[PROBLEM]?.schema["allOf"]?.[1]?.properties.code.enum ?? [];
    return codes.length ? [{ status, codes }] : [];
  });
  return html`
    <h4>Answers <span class="statuses">${good.map(([status]) => html`<b class="status is-good" key=${status}>${status}</b>`)}</span></h4>
    ${shape?.["description"] ? html`<p class="dim"><${Words} text=${shape["description"]} /></p>` : null}
    ${schema ? html`<${Fields} fields=${fieldsOf(schema, components)} caption="Fields of the answer" />` : null}
    ${shape?.["examples"]?.[0] ? html`<${Snippet} label="Answer" text=${JSON.stringify(shape["examples"][0], null, 2)} />` : null}
    <h4>Refusals</h4>
    <dl class="refusals">
      ${refused.map(
        ({ status, codes }) => html`<div key=${status}><dt><b class="status">${status}</b></dt>
          <dd>${codes.map((code) => html`<${Code} key=${code} code=${code} />`)}</dd></div>`,
      )}
    </dl>`;
}

/** @param {{one: Listed, components: Components}} props */
export function OperationCard({ one, components }) {
  const { id, method, path, told } = one;
  const body = told.requestBody && Object.values(told.requestBody.content)[0]?.schema;
  const example = body && resolved(body, components)["examples"]?.[0];
  const parameters = told.parameters ?? [];
  const asked = { method, path, parameters, body: example, bearer: bearerOf(told) };
  return html`<article class="card operation" id=${id} data-testid="operation">
    <header>
      <h3><a class="anchor" href=${`#${id}`}><span class=${`method is-${method.toLowerCase()}`}>${method}</span> <code>${path}</code></a></h3>
      ${told.deprecated ? html`<span class="tag is-old">deprecated</span>` : null}
    </header>
    <p class="summary"><${Words} text=${`${told.summary}.`} /></p>
    ${told.description ? html`<p class="dim"><${Words} text=${told.description} /></p>` : null}
    <p class="asker dim">Asked by ${askerOf(told)}.</p>
    ${parameters.length ? html`<h4>Parameters</h4><${Parameters} parameters=${parameters} components=${components} />` : null}
    ${body ? html`<h4>Body</h4><${Fields} fields=${fieldsOf(body, components)} caption="Fields of the body" />` : null}
    <${Snippet} label="curl" text=${curlOf(location.origin + BASE, asked)} />
    <details class="more" open=${matchMedia("(min-width: 900px)").matches}><summary>Answers and refusals</summary><${Answers} told=${told} components=${components} /></details>
  </article>`;
}
