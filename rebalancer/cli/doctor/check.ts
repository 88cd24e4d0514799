import { explain } from "../../errors.ts";

/** `fail` = a worker would not start or not work; `warn` = it would, and a person should know. */
export type CheckStatus = "ok" | "warn" | "fail";

/** What one look came to. `fix` is what to type or change, null where all is well. */
export interface Finding {
  readonly status: CheckStatus;
  readonly detail: string;
  readonly fix: string | null;
}

export interface Check extends Finding {
  readonly name: string;
}

export const ok = (detail: string): Finding => ({ status: "ok", detail, fix: null });
export const warn = (detail: string, fix: string): Finding => ({ status: "warn", detail, fix });
export const fail = (detail: string, fix: string): Finding => ({ status: "fail", detail, fix });

/** Looks once; whatever is thrown is a failure with this remedy. */
export async function look(name: string, fix: string, probe: () => Promise<Finding> | Finding): Promise<Check> {
  try {
    return { name, ...(await probe()) };
  } catch (error) {
    return { name, ...fail(explain(error), fix) };
  }
}

/** The first few of many names, and how many more there are. */
export function few(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
