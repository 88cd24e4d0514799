import type { Config } from "../config.ts";
import type { Alert } from "./alert.ts";

export type Sink = Config["alerts"]["sinks"][number];

/** What goes to a sink. */
export interface AlertMessage extends Alert {
  /** The same for everybody who would tell it. */
  readonly id: string;
  readonly status: "firing" | "resolved" | "happened" | "test";
  readonly chainId: number;
  /** Milliseconds since the epoch. */
  readonly atMilliseconds: number;
  readonly sinceMilliseconds: number;
}

/** A request that a sink understands. */
export interface SinkRequest {
  readonly url: string;
  readonly body: unknown;
}

const LONGEST_DISCORD = 2_000;
const LONGEST_TELEGRAM = 4_096;
const LONGEST_SLACK = 3_000;

/** One line for a person: what, about what, how bad, and where it is written what to do. */
export function messageText({ status, name, scope, severity, summary, chainId }: AlertMessage): string {
  const word = { firing: severity.toUpperCase(), resolved: "RESOLVED", happened: severity.toUpperCase(), test: "TEST" };
  const about = scope === "all" ? "" : ` (${scope})`;
  return `[${word[status]}] ${name}${about} on chain ${chainId}: ${summary}. See RUNBOOK.md#${name.toLowerCase()}`;
}

/**
 * The request for a message. `secret` is the sink's address; for Telegram the bot's token, or "https://HOST/bot<token>"
 * of a server of one's own.
 */
export function requestOf(sink: Sink, secret: string, message: AlertMessage): SinkRequest {
  const text = messageText(message);
  switch (sink.kind) {
    case "slack":
      // Slack reads &, < and > as its own markup
      return { url: secret, body: { text: cut(escapeSlack(text), LONGEST_SLACK) } };
    case "discord":
      return { url: secret, body: { content: cut(text, LONGEST_DISCORD), allowed_mentions: { parse: [] } } };
    case "telegram": {
      const base = secret.includes("://") ? secret.replace(/\/$/, "") : `https://api.telegram.org/bot${secret}`;
      const body = {
        chat_id: sink.chat,
        text: cut(text, LONGEST_TELEGRAM),
        link_preview_options: { is_disabled: true },
      };
      return { url: `${base}/sendMessage`, body };
    }
    case "json": {
      const { status, name, scope, severity, summary, chainId, atMilliseconds, sinceMilliseconds } = message;
      const at = new Date(atMilliseconds).toISOString();
      const since = new Date(sinceMilliseconds).toISOString();
      const runbook = `RUNBOOK.md#${name.toLowerCase()}`;
      return { url: secret, body: { version: 1, status, name, scope, severity, summary, chainId, at, since, runbook } };
    }
  }
}

const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
