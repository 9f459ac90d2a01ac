// /docs and /docs/protocol: what this server serves, out of the two documents that it makes of its own code.

import { at } from "../ui/base.js";
import { Brand } from "../ui/bits.js";
import { Words } from "../ui/docs-bits.js";
import { finder } from "../ui/docs-find.js";
import { OperationCard, operationsOf, textOf } from "../ui/docs-http.js";
import { Closes, Codes, MessageCard, codesOf, eventsOf, messagesOf } from "../ui/docs-protocol.js";
import { computed, html, render, signal, useEffect, useRef } from "../ui/html.js";
import { ThemeToggle } from "../ui/theme-toggle.js";

/** @import {Signal} from "@preact/signals" */
/** @import {OpenApi} from "../ui/docs-http.js" */
/** @import {AsyncApi} from "../ui/docs-protocol.js" */
/** @typedef {{id: string, name: string, links: {id: string, text: string, method?: string}[], body: unknown}} Part */

const isProtocol = location.pathname.startsWith(at("/docs/protocol"));
/** @type {Signal<{http: OpenApi, socket: AsyncApi} | null>} */
const documents = signal(null);
const isLost = signal(false);
const query = signal("");
const chosen = signal(location.hash.slice(1));

async function load() {
  try {
    const [http, socket] = await Promise.all(
      ["/v1/openapi.json", "/v1/asyncapi.json"].map(at).map(async (path) => {
        const answer = await fetch(path);
        if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
        return answer.json();
      }),
    );
    documents.value = { http, socket };
  } catch {
    isLost.value = true;
  }
}

/** @returns {Part[]} */
function httpParts() {
  const api = documents.value?.http;
  if (!api) return [];
  const isMeant = finder(query.value);
  const all = operationsOf(api).filter((one) => isMeant(textOf(one)));
  return api.tags.map((tag) => {
    const own = all.filter((one) => one.told.tags.includes(tag.name));
    return {
      id: `tag-${tag.name}`,
      name: tag.name,
      links: own.map(({ id, method, path }) => ({ id, method, text: path.replace("/v1", "") })),
      body: html`<p class="dim">${tag.description}</p>
        ${own.map((one) => html`<${OperationCard} key=${one.id} one=${one} components=${api.components.schemas} />`)}`,
    };
  });
}

/** @returns {Part[]} */
function protocolParts() {
  if (!documents.value) return [];
  const { http, socket } = documents.value;
  const isMeant = finder(query.value);
  const ways = /** @type {const} */ ([["command", "Commands", "What a client sends."], ["push", "Replies and pushes", "What the server sends."], ["event", "Events", "What has happened in a room, in `events`."]]);
  const codes = codesOf(socket, http).filter(({ code, text, status }) => isMeant(`${code} ${text} ${status}`));
  const closes = Object.entries(socket["x-close-codes"]).filter(([code, text]) => isMeant(`${code} ${text} close`));
  return [
    { id: "codes", name: "Error codes", links: codes.map(({ code }) => ({ id: code, text: code })), body: html`<${Codes} codes=${codes} chosen=${chosen.value} />` },
    { id: "closes", name: "Close codes", links: closes.map(([code]) => ({ id: `close-${code}`, text: code })), body: html`<${Closes} closes=${closes} />` },
    ...ways.map(([way, name, text]) => {
      const all = way === "event" ? eventsOf(socket) : messagesOf(socket, way);
      const own = all.filter((one) => isMeant(`${one.name} ${one.summary} ${way} ${JSON.stringify(one.payload)}`));
      return {
        id: way,
        name,
        links: own.map((one) => ({ id: `${way}-${one.name}`, text: one.name })),
        body: html`<p class="dim"><${Words} text=${text} /></p>
          ${own.map((one) => html`<${MessageCard} key=${one.name} message=${one} components=${socket.components.schemas} way=${way} />`)}`,
      };
    }),
  ];
}

const parts = computed(() => (isProtocol ? protocolParts() : httpParts()).filter((part) => part.links.length));
const found = computed(() => parts.value.reduce((sum, part) => sum + part.links.length, 0));

const Contents = () =>
  html`<nav class="contents" aria-label="Contents">
    ${parts.value.map(
      (part) => html`<section key=${part.id}>
        <h2><a href=${`#${part.id}`}>${part.name}</a></h2>
        <ul>${part.links.map(({ id, text, method }) => html`<li key=${id}><a href=${`#${id}`} class=${id === chosen.value ? "is-chosen" : ""}>${method ? html`<span class=${`method is-${method.toLowerCase()}`}>${method}</span>` : null}<span>${text}</span></a></li>`)}</ul>
      </section>`,
    )}
  </nav>`;

function Search() {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const onKey = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target === input.current) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`<search class="search">
    <label class="sr-only" for="search">Search</label>
    <input ref=${input} id="search" type="search" placeholder="Search" autocomplete="off" spellcheck=${false} aria-describedby="found"
      data-testid="search" value=${query.value} onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => (query.value = currentTarget.value)} />
    <kbd aria-hidden="true">/</kbd>
    <span id="found" class="sr-only" role="status">${found.value} found</span>
  </search>`;
}

const Intro = () => {
  const told = documents.value;
  if (!told) return null;
  return html`<header class="intro">
    <h1>${isProtocol ? "WebSocket protocol" : "HTTP API"}</h1>
    <p class="dim"><${Words} text=${isProtocol ? told.socket.info.description : told.http.info.description} /></p>
    <p class="dim" id="versions">What is in v1 stays, with its meaning, its type and its unit; what is to go says so a year ahead, in the headers${" "}
      <code>Deprecation</code> and <code>Sunset</code>. For programs: <a href=${at(isProtocol ? "/v1/asyncapi.json" : "/v1/openapi.json")}>${isProtocol ? "asyncapi.json" : "openapi.json"}</a>.</p>
  </header>`;
};

function Body() {
  if (isLost.value) return html`<p class="problem" role="alert">The documents can't be loaded. <a href=${location.pathname}>Try again.</a></p>`;
  if (!documents.value) return html`<p class="dim" aria-busy="true">Loading …</p>`;
  if (!parts.value.length) return html`<p class="nothing">Nothing here has “${query.value}” in it. <a href=${at(isProtocol ? "/docs" : "/docs/protocol")}>Look in the ${isProtocol ? "HTTP API" : "WebSocket protocol"}.</a></p>`;
  return parts.value.map(
    (part) => html`<section key=${part.id} class="part" id=${part.id}><h2>${part.name}</h2>${part.body}</section>`,
  );
}

function Page() {
  useEffect(() => {
    // What the address names is here only now, so the browser could not go there by itself.
    if (documents.value && chosen.value) document.getElementById(chosen.value)?.scrollIntoView();
  }, [documents.value]);
  return html`<header class="bar docs-bar">
      <${Brand} />
      <nav class="tabs" aria-label="Documents">
        <a href=${at("/docs")} aria-current=${isProtocol ? null : "page"}>HTTP</a>
        <a href=${at("/docs/protocol")} aria-current=${isProtocol ? "page" : null}>WebSocket</a>
      </nav>
      <span class="bar-space"></span><${Search} /><${ThemeToggle} />
    </header>
    <div class="columns">
      <details class="drawer" open=${matchMedia("(min-width: 900px)").matches}><summary>Contents</summary><${Contents} /></details>
      <main><${Intro} /><${Body} /></main>
    </div>`;
}

addEventListener("hashchange", () => (chosen.value = location.hash.slice(1)));
document.title = isProtocol ? "livegift WebSocket protocol" : "livegift HTTP API";
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void load();
