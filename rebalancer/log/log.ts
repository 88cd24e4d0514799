import pino, { type DestinationStream, type Logger } from "pino";
import { type Secrets, secretsFrom } from "./secrets.ts";

export interface LoggerOptions {
  readonly level?: string;
  readonly destination?: DestinationStream;
  /** What must not be seen; by default the secrets of the process's environment. */
  readonly secrets?: Pick<Secrets, "redact">;
}

/**
 * JSON lines on standard error, so that standard output stays the command's answer. Each finished line passes through
 * the redaction, so that a secret is taken out wherever it hides: a field at any depth, an error's message, an address.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const secrets = options.secrets ?? secretsFrom(process.env);
  return pino(
    {
      level: options.level ?? "info",
      base: null,
      timestamp: (): string => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: secrets.redact },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}
