import pino, { type DestinationStream, type Logger } from "pino";

const SECRET_PATHS = [
  "signerKey",
  "keeperKey",
  "privateKey",
  "*.signerKey",
  "*.keeperKey",
  "*.privateKey",
  "rawTransaction",
];

/** JSON lines on standard error, so that standard output stays the command's answer; keys are redacted. */
export function createLogger(options: { level?: string; destination?: DestinationStream } = {}): Logger {
  return pino(
    {
      level: options.level ?? "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}
