import type { CommonOptions } from "./options.ts";

const FIRST_MILLISECONDS = 2_000;
const NEXT_MILLISECONDS = 5_000;

/**
 * Waits for work and says on standard error, from two seconds on, what is being waited for; silent with --json. `what`
 * may change its words as the work goes on.
 */
export async function patiently<T>(
  options: CommonOptions,
  what: string | (() => string),
  work: Promise<T>,
): Promise<T> {
  if (options.json) return work;
  const began = Date.now();
  const say = () => {
    const text = typeof what === "string" ? what : what();
    process.stderr.write(`${text} (${Math.round((Date.now() - began) / 1_000)} s) ...\n`);
    timer = setTimeout(say, NEXT_MILLISECONDS);
  };
  let timer = setTimeout(say, FIRST_MILLISECONDS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
