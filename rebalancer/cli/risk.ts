import type { Command } from "commander";
import { feesFromYield } from "../../ml/risk/fees.ts";
import type { Holding } from "../../ml/risk/portfolio.ts";
import { type PriceRange, positionOfValue } from "../../ml/risk/range.ts";
import { theoryChecks } from "../../ml/risk/theory/theory.ts";
import { ConfigError } from "../errors.ts";
import { answer, guarded } from "./options.ts";
import { formatRisk } from "./risk/format.ts";
import { parseDays, parseNumber, parseOption, parsePositive, parseRange, parseSigma, YEAR_DAYS } from "./risk/parse.ts";
import { type RiskParameters, riskReport } from "./risk/report.ts";
import { formatTable } from "./table.ts";

interface RiskOptions {
  readonly range: readonly string[];
  readonly option: readonly string[];
  readonly price: string;
  readonly sigma: string;
  readonly value?: string;
  readonly liquidity?: string;
  readonly spot?: string;
  readonly cash?: string;
  readonly feeYield?: string;
  readonly horizon: string;
  readonly days: string;
  readonly hedge?: string;
  readonly json?: boolean;
}

interface TheoryOptions {
  readonly batches: string;
  readonly seed: string;
  readonly json?: boolean;
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** `risk`: greeks, losses and stress of a portfolio of ranges, vanilla options and tokens. `risk theory`: the formulas. */
export function registerRisk(program: Command): void {
  const risk = program
    .command("risk")
    .description("greeks and stress of ranges beside vanilla options")
    .enablePositionalOptions()
    .option("--price <n>", "asset units per unit of the other token")
    .option("--sigma <n>", "volatility a year, e.g. 0.6, or a day: 0.05/day")
    .option("--range <lower:upper>", "prices of a range, or full; may be repeated", collect, [])
    .option("--value <n>", "worth of all ranges together, shared equally (default: 10000)")
    .option("--liquidity <n>", "instead of --value: of each range, whole units of √(asset × other)")
    .option("--option <spec>", "call|put:STRIKE:DAYS:QUANTITY; may be repeated", collect, [])
    .option("--spot <n>", "units of the other token, negative = short")
    .option("--cash <n>", "asset units")
    .option("--fee-yield <n>", "fees a day of a full-range position, part of its value")
    .option("--horizon <days>", "for vega, losses and time in range", "7")
    .option("--days <list>", "times of the stress tables", "0,7")
    .option("--hedge <spec>", "call|put:STRIKE:DAYS to hedge gamma with")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper risk --price 2000 --sigma 0.6 --range 1800:2200 --range full\n  rangekeeper risk --price 2000 --sigma 0.05/day --range 1900:2100 \\\n      --option put:1800:30:1\n",
    )
    .action((options: RiskOptions) =>
      guarded(options, async () => {
        const report = riskReport(readParameters(options));
        answer(options, report, () => formatRisk(report));
      }),
    );
  risk
    .command("theory")
    .description("published closed forms beside their simulation")
    .option("--batches <n>", "independent batches of each", "500")
    .option("--seed <n>", "of the draws", "20")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper risk theory --batches 100\n")
    .action((options: TheoryOptions) => guarded(options, async () => theory(options)));
}

function readParameters(options: RiskOptions): RiskParameters {
  if (options.price === undefined)
    throw new ConfigError("--price: missing; rule: asset units per unit of the other token");
  if (options.sigma === undefined) throw new ConfigError("--sigma: missing; rule: a number above 0 a year, or N/day");
  const price = parsePositive("--price", options.price);
  const sigma = parseSigma(options.sigma);
  const feeYieldPerYear =
    options.feeYield === undefined
      ? null
      : parseNumber("--fee-yield", options.feeYield, "a number from 0", (n) => n >= 0) * YEAR_DAYS;
  const holdings = [
    ...ranges(options, price, feeYieldPerYear),
    ...options.option.map((text) => ({
      label: `${text.split(":").slice(0, 2).join(" ")} ×${text.split(":")[3]}`,
      holding: { kind: "option", option: parseOption("--option", text, true) } as const,
    })),
    ...(["spot", "cash"] as const).flatMap((kind) => {
      const text = options[kind];
      if (text === undefined) return [];
      const amount = parseNumber(`--${kind}`, text, "a number", () => true);
      return [{ label: kind, holding: { kind, amount } as const }];
    }),
  ];
  if (holdings.length === 0)
    throw new ConfigError("risk: nothing held; rule: at least one --range, --option, --spot or --cash");
  return {
    holdings,
    price,
    sigma,
    feeYieldPerYear,
    horizonYears: parsePositive("--horizon", options.horizon) / YEAR_DAYS,
    stressYears: parseDays(options.days).map((days) => days / YEAR_DAYS),
    hedgeOption: options.hedge === undefined ? null : parseOption("--hedge", options.hedge, false),
  };
}

function ranges(options: RiskOptions, price: number, feeYieldPerYear: number | null) {
  if (options.value !== undefined && options.liquidity !== undefined) {
    throw new ConfigError(`--value ${options.value} and --liquidity ${options.liquidity}: rule: one of them`);
  }
  const value = parsePositive("--value", options.value ?? "10000") / Math.max(1, options.range.length);
  const sized = (range: PriceRange) =>
    options.liquidity === undefined
      ? positionOfValue(range, price, value)
      : { ...range, liquidity: parsePositive("--liquidity", options.liquidity) };
  return options.range.map((text) => {
    const position = sized(parseRange(text));
    const fees = feeYieldPerYear === null ? {} : { fees: (at: number) => feesFromYield(position, at, feeYieldPerYear) };
    return { label: text, holding: { kind: "range", position, ...fees } satisfies Holding as Holding };
  });
}

function theory(options: TheoryOptions): void {
  const whole = (flag: string, text: string, least: number, most: number) =>
    parseNumber(
      flag,
      text,
      `a whole number from ${least} to ${most}`,
      (n) => Number.isInteger(n) && n >= least && n <= most,
    );
  const batches = whole("--batches", options.batches, 10, 100_000);
  const checks = theoryChecks({ seed: whole("--seed", options.seed, 0, 2 ** 32 - 1), batches });
  answer(options, checks, () =>
    formatTable(
      [
        { title: "closed form", max: 37 },
        { title: "unit", max: 8 },
        { title: "theory", align: "right" },
        { title: "simulated", align: "right" },
        { title: "±", align: "right" },
        { title: "z", align: "right" },
      ],
      checks.map(({ name, unit, closedForm, estimate, standardError, z }) => [
        name,
        unit,
        closedForm.toPrecision(5),
        estimate.toPrecision(5),
        standardError.toPrecision(2),
        z.toFixed(1),
      ]),
    ),
  );
}
