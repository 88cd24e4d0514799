const HIDDEN = "[redacted]";
/** Values shorter than this would blot out ordinary words. */
const SHORTEST_SECRET = 6;
/** Environment variables of the worker that hold a secret, by name. */
const SECRET_VARIABLE = /^(RANGEKEEPER_.*(KEY|PASSWORD|TOKEN|SECRET|WEBHOOK_.*)|REDIS_PASSWORD)$/;
/** Environment variables that hold addresses, in which a secret may hide. */
const ADDRESS_VARIABLE = /^(REDIS_URL|RANGEKEEPER_.*URL.*)$/;
/** A property of this name is a secret, at any depth of a log line. */
const SECRET_NAMES =
  "[\\w-]*(?:private_?key|signer_?key|keeper_?key|guardian_?key|secret|password|passphrase|mnemonic|authorization|api_?key|access_?token|api_?token|webhook|raw_?transaction|serialized_?transaction)[\\w-]*";
/** `"name":value` as JSON writes it, and the same inside a string of JSON, where every quote is escaped. */
const PROPERTIES = [
  new RegExp(`("${SECRET_NAMES}"\\s*:\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|-?\\d[\\d.e+-]*|\\[[^\\]]*\\]|\\{[^{}]*\\})`, "gi"),
  new RegExp(`(\\\\"${SECRET_NAMES}\\\\"\\s*:\\s*)\\\\"[^"\\\\]*\\\\"`, "gi"),
] as const;
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"'\\]+@/gi;
/** A long opaque part of an address's path or query: how node and webhook services hand out keys. */
const LONG_PART = /(\b(?:https?|wss?):\/\/[^\s"'\\]*?[/=])(?=[\w~.:-]*\d)(?!0x[0-9a-f]{40}\b)[\w~.:-]{20,}/gi;

/** Knows this process's secrets and takes them out of text. */
export interface Secrets {
  /** Adds a value that must never be seen, such as a key that came out of a keystore. */
  add(value: string): void;
  /** Adds what an address may hide: a password, a key in its path or query. Anything but text is left out. */
  addAddress(value: unknown): void;
  /** The text without any secret: known values, properties with a secret's name, credentials and keys in addresses. */
  redact(text: string): string;
}

/** The secrets of an environment: keys, passwords, tokens and webhook addresses by the names of their variables. */
export function secretsFrom(env: NodeJS.ProcessEnv): Secrets {
  const values = new Set<string>();
  let pattern: RegExp | null = null;
  const secrets: Secrets = {
    add(value) {
      for (const form of formsOf(value)) if (form.length >= SHORTEST_SECRET) values.add(form);
      const longestFirst = [...values].sort((a, b) => b.length - a.length).map(escapePattern);
      pattern = longestFirst.length === 0 ? null : new RegExp(longestFirst.join("|"), "gi");
    },
    addAddress(value) {
      if (typeof value === "string") for (const part of secretParts(value)) secrets.add(part);
    },
    redact(text) {
      const known = pattern === null ? text : text.replace(pattern, HIDDEN);
      const named = known.replace(PROPERTIES[0], `$1"${HIDDEN}"`).replace(PROPERTIES[1], `$1\\"${HIDDEN}\\"`);
      return named.includes("://") ? redactAddresses(named) : named;
    },
  };
  for (const [name, value] of Object.entries(env)) {
    if (!value) continue;
    if (SECRET_VARIABLE.test(name)) secrets.add(value);
    if (ADDRESS_VARIABLE.test(name)) secrets.addAddress(value);
  }
  return secrets;
}

/** The text with the credentials and long opaque parts of every address in it taken out. */
export const redactAddresses = (text: string): string =>
  text.replace(CREDENTIALS, `$1${HIDDEN}@`).replace(LONG_PART, `$1${HIDDEN}`);

/** A secret as it may appear: as it is, without 0x, escaped in JSON, and the telling parts of an address. */
function formsOf(value: string): string[] {
  const plain = /^0x[0-9a-f]+$/i.test(value) ? value.slice(2) : value;
  const escaped = JSON.stringify(value).slice(1, -1);
  // a string of JSON in a line of JSON is escaped twice
  return [...new Set([value, plain, escaped, JSON.stringify(escaped).slice(1, -1), ...secretParts(value)])];
}

/** What in an address is not to be seen: user's password, and long parts of path and query. */
function secretParts(value: string): string[] {
  if (!URL.canParse(value) || !value.includes("://")) return [];
  const { password, pathname, searchParams } = new URL(value);
  const parts = [password, decodeURIComponent(password), ...pathname.split("/"), ...searchParams.values()];
  return parts.filter((part) => part.length >= 20 || (part !== "" && part === password));
}

const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/**
 * An error without secrets in message and stack, for whoever stores errors as they come: BullMQ keeps both in Redis. Its
 * class and name stay.
 */
export function redactError(secrets: Pick<Secrets, "redact">, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(secrets.redact(String(error)));
  const message = secrets.redact(error.message);
  const stack = error.stack === undefined ? undefined : secrets.redact(error.stack);
  if (message === error.message && stack === error.stack) return error;
  const copy = Object.create(Object.getPrototypeOf(error)) as Error;
  Object.defineProperty(copy, "message", { value: message, writable: true, configurable: true });
  Object.defineProperty(copy, "name", { value: error.name, writable: true, configurable: true });
  if (stack !== undefined) Object.defineProperty(copy, "stack", { value: stack, writable: true, configurable: true });
  return copy;
}
