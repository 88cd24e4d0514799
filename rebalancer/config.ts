import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { fixedWidthSection, limitsSection, oracleSection, strategySection } from "./config/deploySections.ts";
import {
  address,
  amount,
  gwei,
  httpUrl,
  keyName,
  listen,
  positive,
  positiveGwei,
  redisUrl,
  seconds,
  text,
  webSocketUrl,
  whole,
} from "./config/fields.ts";
import { type Origin, type ReadLayersParameters, readLayers } from "./config/layers.ts";
import { modelsSection } from "./config/modelsSection.ts";
import { ConfigError } from "./errors.ts";
import { describeIssue } from "./issues.ts";

const vaultSection = z.strictObject({
  name: text.describe("What people call the vault; a verb takes it in place of the address"),
  keeper: keyName.describe("Which of [keys] pays for this vault's transactions").default("keeper"),
  signer: keyName.describe("Which of [keys] signs its proposals").default("signer"),
  symbol: text.describe("Symbol of its shares, for the deploy script").optional(),
  asset: address.describe("Either token of the pool").optional(),
  pool: address.describe("The Uniswap v3 pool").optional(),
  vault: address.describe("The RangeVault").optional(),
  lens: address.describe("The VaultLens").optional(),
  strategyContract: address.describe("The strategy that the vault obeys").optional(),
  oracle: oracleSection.describe("Reference prices, for the deploy script").optional(),
  limits: limitsSection.describe("The vault's limits, for the deploy script").optional(),
  strategy: strategySection.describe("The strategy's bounds, for the deploy script").optional(),
  fixedWidth: fixedWidthSection.describe("A strategy without a model, for deploy/AddStrategy.s.sol").optional(),
  allowList: z.array(address).min(1).describe("Who may enter; absent = anybody").optional(),
});

/** The whole file: one schema for the deploy scripts and the worker. */
export const configSchema = z
  .strictObject({
    chainId: positive.describe("Chain id; the node must answer the same"),
    poolFactory: address
      .describe("Uniswap's factory, whose pools are genuine; by default the first pool's own")
      .optional(),
    rpcUrl: httpUrl.describe("The node that is asked first"),
    rpc: z
      .strictObject({
        fallbackUrls: z
          .array(httpUrl)
          .describe("Asked in turn when the one before fails, lags or is on another fork than the others")
          .default([]),
        webSocketUrl: webSocketUrl
          .describe("New heads are heard here as they come; polling goes on beside it")
          .optional(),
        privateRelayUrl: httpUrl.describe("Transactions go only here, never to the public mempool").optional(),
        timeoutMilliseconds: positive.max(120_000).describe("Longest wait for one answer").default(10_000),
        maxLagBlocks: positive.describe("A node this many blocks behind the best one is not asked").default(3),
      })
      .describe("More than one way to the chain, and what is believed of a node")
      .prefault({}),
    addresses: text
      .describe("JSON file with the addresses of a deployment; fills in what [[vaults]] leaves out")
      .optional(),
    redis: z
      .strictObject({
        url: redisUrl.describe("The Redis of queues, caches and leases").default("redis://127.0.0.1:6379"),
        cluster: z.boolean().describe("True: url is one node of a Redis Cluster").default(false),
        prefix: z
          .string()
          .regex(/^[a-z0-9-]{1,64}$/, "a prefix is made of a-z, 0-9 and -, at most 64")
          .describe("First part of every key, so that several deployments can share one server")
          .default("rangekeeper"),
      })
      .describe("The queue's server")
      .prefault({}),
    journal: z
      .strictObject({ path: text.describe("The SQLite file; one per worker").default("journal.db") })
      .describe("The worker's memory")
      .prefault({}),
    log: z
      .strictObject({
        level: z
          .enum(["debug", "info", "warn", "error", "silent"])
          .describe("The least important lines that are written")
          .default("info"),
        file: text.describe("Also written here, one JSON object a line; `rangekeeper logs` reads it").optional(),
        maxMegabytes: positive.max(4_096).describe("The file is set aside as FILE.1 when it is this large").default(64),
      })
      .describe("What the worker says")
      .prefault({}),
    worker: z
      .strictObject({
        mode: z
          .enum(["shadow", "dry-run", "live"])
          .describe("shadow scores, dry-run also simulates, live also sends and needs --yes-live")
          .default("shadow"),
        pollMilliseconds: positive.max(60_000).describe("How often the head is asked for").default(1_000),
        confirmations: positive.max(256).describe("Blocks on top, ours included, until a move counts").default(1),
        logChunkBlocks: positive.max(100_000).describe("Blocks asked for in one eth_getLogs").default(2_000),
        maxFeePerGasGwei: positiveGwei.describe("Most that is paid per gas, in gwei").default(500),
        priorityFeeGwei: gwei.describe("Tip per gas, in gwei").default(0.1),
        bumpAfterBlocks: positive
          .describe("A transaction that was not mined for so many blocks is sent again with higher fees")
          .default(3),
        maxBumps: whole.describe("How often its fees are raised").default(5),
        heartbeatSeconds: seconds
          .describe("Seconds after which a signed sign of life goes out when nothing moved; 0 = never")
          .default(0),
      })
      .describe("The long-lived process")
      .prefault({}),
    keys: z
      .record(
        keyName,
        z.strictObject({
          keystore: text
            .describe("A JSON keystore (version 3); its password comes from RANGEKEEPER_<NAME>_PASSWORD")
            .optional(),
        }),
      )
      .describe("Keys by name. A key without a keystore is read from RANGEKEEPER_<NAME>_KEY")
      .default({}),
    metrics: z
      .strictObject({
        listen: listen.describe('"HOST:PORT" to answer /metrics, /healthz and /readyz at; absent = nowhere').optional(),
        vaultSeries: whole
          .max(10_000)
          .describe("At most so many vaults, in the file's order, get series of their own; the others count in totals")
          .default(200),
      })
      .describe("Counters of the worker for Prometheus, and whether it is alive and ready")
      .prefault({}),
    api: z
      .strictObject({
        listen: listen.describe('"HOST:PORT" to answer at').default("127.0.0.1:8787"),
        journals: z.array(text).describe("Journals of further workers, shown merged with journal.path").default([]),
      })
      .describe("The HTTP interface, a process of its own")
      .prefault({}),
    alerts: z
      .strictObject({
        repeatSeconds: positive.describe("The same alert is not sent again for so long").default(3_600),
        sinks: z
          .array(
            z.strictObject({
              name: keyName.describe("Its address comes from RANGEKEEPER_WEBHOOK_<NAME>"),
              kind: z.enum(["json", "slack", "discord", "telegram"]).describe("How a message is written"),
              chat: text.describe("Telegram only: the chat").optional(),
            }),
          )
          .describe("Who is told")
          .default([]),
        limits: z
          .strictObject({
            tickIntervals: positive.describe("A pool at rest longer than so many evaluate.everySeconds").default(3),
            outOfRangeSeconds: positive.describe("A vault whose ranges do not hold the price").default(3_600),
            failedSimulations: positive.describe("Proposals of a vault in a row that fail in simulation").default(3),
            gasBudgetBps: whole.max(10_000).describe("Part of trips.gasGweiPerDay that is spent").default(8_000),
            keeperMoves: whole.describe("Moves that a keeper can still pay for").default(5),
            sharePriceDropBps: positive.describe("Below a vault's highest share price of the last day").default(200),
            featurePsi: z
              .number()
              .positive()
              .describe("Population stability index of a model's input against what the model was trained on")
              .default(0.2),
            forecastErrorBps: z
              .number()
              .positive()
              .describe("Realised less predicted net, mean without sign over the last trips.driftOutcomes")
              .default(50),
            headLagSeconds: positive.describe("Age of the newest block").default(120),
            pendingBlocks: positive.describe("Blocks for which a sent transaction is not mined").default(20),
          })
          .describe("What a person is told of; each beyond this value")
          .prefault({}),
      })
      .describe("Who is told when something needs a person. Addresses and tokens come from RANGEKEEPER_WEBHOOK_<NAME>")
      .prefault({}),
    trips: z
      .strictObject({
        gasGweiPerDay: z.number().positive().describe("Gas paid in a day, gwei").optional(),
        keeperMoves: whole
          .describe("The keeper must be able to pay for this many moves at the head's base fee")
          .default(5),
        failedSimulations: positive.describe("Proposals of a vault in a row that fail in simulation").default(5),
        outOfDomainDecisions: positive
          .describe("Decisions of a vault in a row that are outside of what the models know")
          .default(24),
        driftBps: z
          .number()
          .positive()
          .describe("Realised short of predicted net, mean basis points over the last driftOutcomes")
          .optional(),
        driftOutcomes: positive.describe("Settled outcomes that driftBps is the mean of").default(20),
        lossBpsPerDay: z
          .number()
          .positive()
          .describe("Loss of a vault's moves in a day, as the vault measures it")
          .optional(),
        headLagSeconds: positive.describe("Age of the newest block by this machine's clock").optional(),
      })
      .describe("What trips the kill switch by itself, to level 1; a limit that is left out is not watched")
      .prefault({}),
    evaluate: z
      .strictObject({
        everySeconds: positive.describe("How often each pool is scored").default(3_600),
        lookbackSeconds: positive.describe("How much history is kept").default(14 * 86_400),
        minHistorySeconds: whole.describe("Least history before anything moves").default(86_400),
        horizonSeconds: positive.describe("What a move must pay back in").default(86_400),
        widths: positive.max(256).describe("Candidate ranges: how many widths").default(24),
        centres: positive.max(256).describe("Candidate ranges: how many centres of each width").default(9),
      })
      .describe("When and on what a vault is decided")
      .prefault({}),
    decision: z
      .strictObject({
        riskAversion: z.number().nonnegative().max(1e6).describe("Weight of the loss tail").default(0.5),
        hysteresisBps: z
          .number()
          .nonnegative()
          .max(10_000)
          .describe("How much better than staying a move must be, basis points of NAV")
          .default(5),
        lvrWeight: z
          .number()
          .nonnegative()
          .max(10)
          .describe("Weight of the expected LVR; 1 = as the model says")
          .default(1),
        deviationWeight: z
          .number()
          .nonnegative()
          .max(1e3)
          .describe("Weight of the distance between a range's centre and the reference price")
          .default(0.002),
        breachWeightBps: z
          .number()
          .nonnegative()
          .max(10_000)
          .describe("What a certain breach of the loss bound would cost, basis points of NAV")
          .default(100),
        lossBoundBps: z
          .number()
          .positive()
          .max(10_000)
          .describe("Loss over the horizon that counts as a breach, basis points of NAV")
          .default(200),
        waitWeight: z
          .number()
          .nonnegative()
          .max(100)
          .describe("Weight of the right to decide later, which a move gives up")
          .default(1),
        gasPerMove: whole.describe("Gas that one move takes, for weighing it").default(600_000),
        nativeToken: address
          .describe("The chain's wrapped native token; gas is weighed where it is one of the pool's tokens")
          .optional(),
      })
      .describe("How things are weighed")
      .prefault({}),
    models: modelsSection.describe("Who forecasts").prefault({}),
    registry: z
      .strictObject({
        decisionModel: text
          .describe("The strategy's model id is keccak256 of this name; the deploy script has the same default")
          .default("rangekeeper-default"),
        noticeSeconds: seconds.describe("Between asking for a higher stage and its effect").optional(),
        canaryCap: amount.describe("Asset units; only for a model that starts as a canary").optional(),
        headFile: text
          .describe(
            "The on-chain head, as hex of the bytes that ml/runtime/quantizedMlp.ts writes; read by the deploy script, from its root",
          )
          .optional(),
      })
      .describe("The model registry on chain")
      .prefault({}),
    roles: z
      .strictObject({
        owner: address.describe("Holds every setting; a timelock in earnest").optional(),
        curator: address.describe("Changes limits; what raises risk waits").optional(),
        guardian: address.describe("Pauses, cancels and de-risks; can move nothing out").optional(),
        modelSigner: address.describe("Signs proposals as the model").optional(),
        keeper: address.describe("Pays for transactions").optional(),
        delaySeconds: seconds
          .describe("Between what the administrator or a new strategy announces and its effect")
          .optional(),
      })
      .describe("Who may do what, for the deploy script and the doctor")
      .prefault({}),
    vaults: z.array(vaultSection).min(1, "at least one [[vaults]] is needed").describe("The vaults that are kept"),
  })
  .superRefine(({ vaults, alerts }, check) => {
    const twice = (what: string, path: string, values: readonly (string | undefined)[]) => {
      values.forEach((value, index) => {
        const first = values.findIndex((other) => other !== undefined && other.toLowerCase() === value?.toLowerCase());
        if (first < 0 || first === index) return;
        const [section = "", field = ""] = path.split("[].");
        const message = `given once; ${section} ${first} has it already`;
        check.addIssue({
          code: "custom",
          path: [...section.split("."), index, ...field.split(".")],
          message: `${what} ${message}`,
        });
      });
    };
    twice(
      "a vault's name is",
      "vaults[].name",
      vaults.map(({ name }) => name),
    );
    twice(
      "a vault is",
      "vaults[].vault",
      vaults.map(({ vault }) => vault),
    );
    twice(
      "a sink's name is",
      "alerts.sinks[].name",
      alerts.sinks.map(({ name }) => name),
    );
    alerts.sinks.forEach(({ kind, chat }, index) => {
      if (kind === "telegram" && chat === undefined)
        check.addIssue({
          code: "custom",
          path: ["alerts", "sinks", index, "chat"],
          message: "a telegram sink names its chat",
        });
    });
  });

export type Config = z.output<typeof configSchema>;

/** One vault with every address that the worker needs. */
export interface VaultConfig {
  readonly name: string;
  /** Names in [keys]. */
  readonly keeper: string;
  readonly signer: string;
  readonly pool: `0x${string}`;
  readonly vault: `0x${string}`;
  readonly lens: `0x${string}`;
  readonly strategy: `0x${string}`;
}

/** Defaults < file < environment < flags, parsed once. Throws ConfigError naming field, value, rule and origin. */
export function loadConfig(parameters: ReadLayersParameters): Config {
  const { raw, origins } = readLayers(parameters);
  return parseConfig(raw, origins);
}

/** Parses an already merged object; throws ConfigError naming every broken field, and who set it where not the file. */
export function parseConfig(raw: unknown, origins: ReadonlyMap<string, Origin> = new Map()): Config {
  const result = configSchema.safeParse(raw);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => {
      const origin = origins.get(issue.path.join("."));
      return `config ${describeIssue(issue, raw)}${origin ? ` (set by ${origin.name})` : ""}`;
    });
    throw new ConfigError(lines.join("\n"));
  }
  return result.data;
}

const addressesSchema = z.object({
  chainId: positive,
  pool: address,
  vault: address,
  lens: address,
  strategy: address,
});

/** The vaults with their addresses, from [[vaults]] and from the deployment's addresses file for the first one. */
export function resolveVaults(config: Config): readonly VaultConfig[] {
  const deployed = config.addresses === undefined ? undefined : readAddresses(config.addresses, config.chainId);
  return config.vaults.map((entry, index) => {
    const fallback = index === 0 ? deployed : undefined;
    const need = (field: string, value: `0x${string}` | undefined): `0x${string}` => {
      if (value) return value;
      throw new ConfigError(
        `config vaults.${index}.${field}: missing; rule: give the address or a file in \`addresses\` that has it`,
      );
    };
    return {
      name: entry.name,
      keeper: entry.keeper,
      signer: entry.signer,
      pool: need("pool", entry.pool ?? fallback?.pool),
      vault: need("vault", entry.vault ?? fallback?.vault),
      lens: need("lens", entry.lens ?? fallback?.lens),
      strategy: need("strategyContract", entry.strategyContract ?? fallback?.strategy),
    };
  });
}

function readAddresses(path: string, chainId: number) {
  if (!existsSync(path))
    throw new ConfigError(`config addresses: ${path}; rule: the file must exist (deploy writes it)`);
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`config addresses: ${path}; rule: the file must be JSON`, { cause });
  }
  const result = addressesSchema.safeParse(raw);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `${path} ${describeIssue(issue, raw)}`).join("\n"));
  }
  if (result.data.chainId !== chainId) {
    throw new ConfigError(`${path} chainId: ${result.data.chainId}; rule: must equal the config's chainId ${chainId}`);
  }
  return result.data;
}
