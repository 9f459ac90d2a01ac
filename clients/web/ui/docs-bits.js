// Pieces of the documents' page: words with code in them, tables of fields, code to copy.

import { at } from "./base.js";
import { Icon } from "./bits.js";
import { html, useSignal } from "./html.js";

/** @import {Field} from "./docs-schema.js" */

/** Text whose `backticks` are code. @param {{text: string}} props */
export const Words = ({ text }) =>
  html`${text.replaceAll("``", "`").split("`").map((part, place) => (place % 2 ? html`<code key=${place}>${part}</code>` : part))}`;

/** A link to what explains a code. @param {{code: string}} props */
export const Code = ({ code }) => html`<a class="code-link" href=${at(`/docs/protocol#${code}`)}><code>${code}</code></a>`;

/** @param {{text: string, label: string}} props */
export function Snippet({ text, label }) {
  const isCopied = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isCopied.value = true;
    setTimeout(() => (isCopied.value = false), 1_500);
  };
  return html`<figure class="snippet">
    <figcaption>${label}</figcaption>
    <button type="button" class="icon-button" onClick=${copy} aria-label=${`Copy ${label}`} title="Copy">
      ${isCopied.value ? html`<span class="copied" role="status">copied</span>` : html`<${Icon} name="copy" />`}
    </button>
    <pre tabindex="0" aria-label=${label}><code>${text}</code></pre>
  </figure>`;
}

/** @param {{fields: Field[], caption: string}} props */
export const Fields = ({ fields, caption }) =>
  fields.length === 0
    ? null
    : html`<table class="fields">
        <caption class="sr-only">${caption}</caption>
        <thead class="sr-only"><tr><th scope="col">name</th><th scope="col">type</th><th scope="col">what it is</th></tr></thead>
        <tbody>
          ${fields.map(
            (field) => html`<tr key=${field.name}>
              <th scope="row"><code>${field.name}</code>${field.isRequired ? html`<b class="must" title="required">*<span class="sr-only"> required</span></b>` : null}</th>
              <td class="type">${field.type}</td>
              <td class="dim"><${Words} text=${[field.text, field.limits].filter(Boolean).join(" · ")} /></td>
            </tr>`,
          )}
        </tbody>
      </table>`;
