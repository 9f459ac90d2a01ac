// JSON Schema as lines that people read: one a field, those of inner objects behind the outer name. Pure.

/**
 * @typedef {{[key: string]: any}} Schema
 * @typedef {Record<string, Schema>} Components
 * @typedef {{name: string, type: string, limits: string, text: string, isRequired: boolean}} Field
 */

const DEPTH_MAX = 4;
/** No NUL: every text has it, so nobody needs to read it. */
const NO_NUL = "^[^\\x00]*$";

/** The component that a schema refers to, or itself. @param {Schema} schema @param {Components} components @returns {Schema} */
export function resolved(schema, components) {
  const name = schema["$ref"]?.split("/").pop();
  return name ? (components[name] ?? {}) : schema;
}

/** The options of a schema, `null` apart. @param {Schema} schema */
function options(schema) {
  /** @type {Schema[]} */
  const all = schema["anyOf"] ?? schema["oneOf"] ?? [schema];
  const some = all.filter((one) => one["type"] !== "null");
  return { some, isNullable: some.length < all.length };
}

/** `integer`, `string or null`, `list of CatalogueGift`, `gift | combo`. @param {Schema} schema @param {Components} components @returns {string} */
export function typeOf(schema, components) {
  const { some, isNullable } = options(schema);
  const names = some.map((one) => nameOf(one, components));
  return [...new Set(names)].join(" or ") + (isNullable ? " or null" : "");
}

/** @param {Schema} schema @param {Components} components @returns {string} */
function nameOf(schema, components) {
  const words = schema["enum"] ?? ("const" in schema ? [schema["const"]] : null);
  if (words) return words.map((/** @type {unknown} */ word) => JSON.stringify(word)).join(" | ");
  if (schema["$ref"]) {
    const inner = resolved(schema, components);
    return inner["enum"] ? nameOf(inner, components) : (inner["title"] ?? "object");
  }
  if (schema["type"] === "array") return `list of ${typeOf(schema["items"] ?? {}, components)}`;
  return schema["type"] ?? "anything";
}

/** `1 to 500`, `at most 64 characters`. @param {Schema} schema @returns {string} */
export function limitsOf(schema) {
  const [only] = options(schema).some.length === 1 ? options(schema).some : [{}];
  const one = /** @type {Schema} */ (only);
  const told = [];
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = one;
  if (minimum !== undefined && maximum !== undefined) told.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) told.push(`at least ${minimum}`);
  else if (maximum !== undefined) told.push(`at most ${maximum}`);
  if (minLength !== undefined && maxLength !== undefined) told.push(`${minLength} to ${maxLength} characters`);
  else if (maxLength !== undefined) told.push(`at most ${maxLength} characters`);
  if (maxItems !== undefined) told.push(`at most ${maxItems}`);
  if (pattern !== undefined && pattern !== NO_NUL) told.push(`like \`${pattern}\``);
  if (schema["default"] !== undefined && schema["default"] !== null) told.push(`${JSON.stringify(schema["default"])} if left out`);
  return told.join(", ");
}

/**
 * All fields of an object, inner ones after their outer one: `creator`, `creator.id`, `rooms[].id`.
 * @param {Schema} schema @param {Components} components @param {string} [prefix] @param {number} [depth] @returns {Field[]}
 */
export function fieldsOf(schema, components, prefix = "", depth = 0) {
  if (depth >= DEPTH_MAX) return [];
  const shape = resolved(schema, components);
  const required = new Set(shape["required"] ?? []);
  return Object.entries(/** @type {Components} */ (shape["properties"] ?? {})).flatMap(([name, field]) => {
    const text = field["description"] ?? options(field).some.find((one) => one["description"])?.["description"] ?? "";
    const line = { name: prefix + name, type: typeOf(field, components), limits: limitsOf(field), text, isRequired: required.has(name) };
    return [line, ...innerOf(field, components, prefix + name, depth + 1)];
  });
}

/** @param {Schema} field @param {Components} components @param {string} name @param {number} depth @returns {Field[]} */
function innerOf(field, components, name, depth) {
  const { some } = options(field);
  const first = some[0];
  if (some.length !== 1 || !first) return [];
  if (first["type"] === "array") return innerOf(first["items"] ?? {}, components, `${name}[]`, depth);
  return first["$ref"] ? fieldsOf(first, components, `${name}.`, depth) : [];
}
