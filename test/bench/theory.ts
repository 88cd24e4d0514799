import { theoryChecks } from "../../ml/risk/theory/theory.ts";
import type { Bench } from "./bench.ts";

/**
 * Closed forms beside their simulations: `value` is the simulated figure, `against` names the closed form and the
 * distance in standard errors, `ratio` = simulated / closed form. Options: --batches N (default 2000), --seed N.
 */
export const bench: Bench = async ({ options, progress }) => {
  const option = (name: string, otherwise: number) => {
    const at = options.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(options[at + 1]);
  };
  const batches = option("batches", 2000);
  progress(`simulating ${batches} batches of every check`);
  return theoryChecks({ seed: option("seed", 20), batches }).map(
    ({ name, unit, estimate, closedForm, standardError, z }) => ({
      name,
      value: estimate,
      unit,
      against: `${closedForm.toPrecision(5)} ± ${standardError.toPrecision(2)} (z ${z.toFixed(1)})`,
      ratio: estimate / closedForm,
    }),
  );
};
