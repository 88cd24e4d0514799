import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { getAddress } from "viem";
import { z } from "zod";
import { ConfigError } from "./errors.ts";
import { describeIssue } from "./issues.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address is 0x and 40 hexadecimal digits")
  .transform((text) => getAddress(text.toLowerCase()));
const digest = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "a digest is 0x and 64 hexadecimal digits");
const url = (schemes: RegExp, rule: string) => z.string().regex(schemes, rule);
const httpUrl = url(/^https?:\/\//, "an RPC address starts with http:// or https://");
const whole = z.int().nonnegative();
const positive = z.int().positive();
const ratioBps = z.int().min(0).max(10_000);
/** Token units do not fit a TOML integer, so they may be written as a string of digits. */
const amount = z.union([z.int().nonnegative(), z.string().regex(/^\d+$/, "an amount is a string of decimal digits")]);

const modelPackage = z.strictObject({ id: z.string().min(1), sha256: digest, manifestHash: digest.optional() });

/** What a deploy script sets on chain; the worker reads the bounds back from the chain and ignores these. */
const oracleSection = z.strictObject({
  longWindowSeconds: positive.optional(),
  bandTicks: positive.optional(),
  maxObservationAgeSeconds: positive.optional(),
  feed: address.optional(),
  blockIntervalSeconds: positive.optional(),
  feedMaxAgeSeconds: positive.optional(),
  feedInverted: z.boolean().optional(),
  sequencerFeed: address.optional(),
  sequencerGraceSeconds: positive.optional(),
});
const limitsSection = z.strictObject({
  entryMarginBps: ratioBps.optional(),
  inflowCapBps: whole.optional(),
  inflowWindowSeconds: positive.optional(),
  maxLossPerMoveBps: ratioBps.optional(),
  lossBudgetBps: ratioBps.optional(),
  lossBudgetRefillSeconds: positive.optional(),
  minWidthTicks: positive.optional(),
  cooldownSeconds: whole.optional(),
  maxMovesPerDay: whole.optional(),
  maxPoolShareBps: ratioBps.optional(),
  drawdownBps: ratioBps.optional(),
  managementFeeBps: ratioBps.optional(),
  noticeSeconds: whole.optional(),
  depositCap: amount.optional(),
});
const strategySection = z.strictObject({
  minWidthTicks: positive.optional(),
  maxWidthTicks: positive.optional(),
  maxCentreDistanceTicks: whole.optional(),
  cooldownSeconds: whole.optional(),
  maxMovesPerDay: whole.optional(),
  gainMarginBps: whole.optional(),
  maxSwapShareBps: ratioBps.optional(),
  widthFloorBaseTicks: whole.optional(),
  widthFloorPerSpreadTicks: whole.optional(),
  fullShareSpreadBps: whole.optional(),
  minShareBps: ratioBps.optional(),
  spreadCeilingBps: whole.optional(),
  volatilityWindowSeconds: whole.optional(),
  maxSilenceSeconds: whole.optional(),
});

/** A rule that anybody may carry out; deploy/AddStrategy.s.sol reads it. */
const fixedWidthSection = z.strictObject({
  halfWidthTicks: positive,
  triggerTicks: positive,
  refreshSeconds: whole,
  shareBps: ratioBps,
  maxCostBps: ratioBps,
});

/** Loopback unless a person writes another host. */
const listen = z.string().regex(/^[^\s:]+:\d{1,5}$/, 'an address to listen at is "HOST:PORT"');
const keyName = z.string().regex(/^[a-z][a-z0-9-]*$/, "a key's name is made of a-z, 0-9 and -");

const vaultSection = z.strictObject({
  name: z.string().min(1),
  /** Which of [keys] pays for this vault's transactions, and which signs its proposals. */
  keeper: keyName.default("keeper"),
  signer: keyName.default("signer"),
  symbol: z.string().min(1).optional(),
  asset: address.optional(),
  pool: address.optional(),
  vault: address.optional(),
  lens: address.optional(),
  strategyContract: address.optional(),
  oracle: oracleSection.optional(),
  limits: limitsSection.optional(),
  strategy: strategySection.optional(),
  fixedWidth: fixedWidthSection.optional(),
  /** Who may enter; absent = anybody. */
  allowList: z.array(address).min(1).optional(),
});

/** The whole file: one schema for the deploy scripts and the worker. */
export const configSchema = z.strictObject({
  chainId: positive,
  rpcUrl: httpUrl,
  /** More than one way to the chain, and what is believed of a node. */
  rpc: z
    .strictObject({
      /** Asked in turn when the one before fails, lags or is on another fork than the others. */
      fallbackUrls: z.array(httpUrl).default([]),
      /** New heads are heard here as they come; polling goes on beside it. */
      webSocketUrl: url(/^wss?:\/\//, "a WebSocket address starts with ws:// or wss://").optional(),
      /** Transactions go only here, never to the public mempool. */
      privateRelayUrl: httpUrl.optional(),
      timeoutMilliseconds: positive.max(120_000).default(10_000),
      /** A node this many blocks behind the best one is not asked. */
      maxLagBlocks: positive.default(3),
    })
    .prefault({}),
  /** JSON file with the addresses of a deployment; fills in what [[vaults]] leaves out. */
  addresses: z.string().min(1).optional(),
  redis: z
    .strictObject({
      url: url(/^rediss?:\/\//, "a Redis address starts with redis:// or rediss://").default("redis://127.0.0.1:6379"),
      /** True: `url` is one node of a Redis Cluster. */
      cluster: z.boolean().default(false),
      /** First part of every key, so that several deployments can share one server. */
      prefix: z
        .string()
        .regex(/^[a-z0-9-]+$/, "a prefix is made of a-z, 0-9 and -")
        .default("rangekeeper"),
    })
    .prefault({}),
  journal: z.strictObject({ path: z.string().min(1).default("journal.db") }).prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info") }).prefault({}),
  worker: z
    .strictObject({
      mode: z.enum(["shadow", "dry-run", "live"]).default("shadow"),
      pollMilliseconds: positive.max(60_000).default(1_000),
      confirmations: positive.max(256).default(1),
      /** Blocks asked for in one eth_getLogs. */
      logChunkBlocks: positive.max(100_000).default(2_000),
      maxFeePerGasGwei: z.number().positive().default(500),
      priorityFeeGwei: z.number().nonnegative().default(0.1),
      /** A transaction that was not mined for so many blocks is sent again with higher fees, at most `maxBumps` times. */
      bumpAfterBlocks: positive.default(3),
      maxBumps: whole.default(5),
      /** Seconds after which a signed sign of life goes out when nothing moved; 0 = never. */
      heartbeatSeconds: whole.default(0),
    })
    .prefault({}),
  /** Keys by name. A key without a keystore is read from RANGEKEEPER_<NAME>_KEY. */
  keys: z
    .record(
      keyName,
      z.strictObject({
        /** A JSON keystore (version 3); its password comes from RANGEKEEPER_<NAME>_PASSWORD. */
        keystore: z.string().min(1).optional(),
      }),
    )
    .default({}),
  /** Counters of the worker for Prometheus, and whether it is alive and ready. */
  metrics: z
    .strictObject({
      /** "HOST:PORT" to answer /metrics, /healthz and /readyz at; absent = nowhere. */
      listen: listen.optional(),
    })
    .prefault({}),
  /** The HTTP interface, a process of its own. */
  api: z
    .strictObject({
      listen: listen.default("127.0.0.1:8787"),
      /** Journals of further workers, shown merged with `journal.path`. */
      journals: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  /** Who is told when something needs a person. Addresses and tokens come from RANGEKEEPER_WEBHOOK_<NAME>. */
  alerts: z
    .strictObject({
      /** The same alert is not sent again for so long. */
      repeatSeconds: positive.default(3_600),
      sinks: z
        .array(
          z.strictObject({
            name: keyName,
            kind: z.enum(["json", "slack", "discord", "telegram"]),
            /** Telegram only: the chat. */
            chat: z.string().min(1).optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
  /** What trips the kill switch by itself, to level 1; a limit that is left out is not watched. */
  trips: z
    .strictObject({
      gasGweiPerDay: z.number().positive().optional(),
      /** The keeper must be able to pay for this many moves at the head's base fee. */
      keeperMoves: whole.default(5),
      /** Proposals of a vault in a row that fail in simulation. */
      failedSimulations: positive.default(5),
      /** Decisions of a vault in a row that are outside of what the models know. */
      outOfDomainDecisions: positive.default(24),
      /** Mean of realised less predicted net, basis points, over the last outcomes that chose a range. */
      driftBps: z.number().positive().optional(),
      driftOutcomes: positive.default(20),
      /** Loss of a vault's moves in a day, as the vault measures it. */
      lossBpsPerDay: z.number().positive().optional(),
      /** Age of the newest block by this machine's clock. */
      headLagSeconds: positive.optional(),
    })
    .prefault({}),
  evaluate: z
    .strictObject({
      everySeconds: positive.default(3_600),
      lookbackSeconds: positive.default(14 * 86_400),
      minHistorySeconds: whole.default(86_400),
      horizonSeconds: positive.default(86_400),
      /** Candidate ranges: how many widths, and how many centres of each. */
      widths: positive.max(256).default(24),
      centres: positive.max(256).default(9),
    })
    .prefault({}),
  decision: z
    .strictObject({
      riskAversion: z.number().nonnegative().default(0.5),
      hysteresisBps: z.number().nonnegative().default(5),
      /** Gas that one move takes, for weighing it. */
      gasPerMove: whole.default(600_000),
      /** The chain's wrapped native token; gas is weighed where it is one of the pool's tokens. */
      nativeToken: address.optional(),
    })
    .prefault({}),
  models: z
    .strictObject({
      /** Model set of the registry in ml/models. */
      set: z.string().min(1).default("rangekeeper"),
      /** Model sets that decide on the same inputs beside it; journaled, never executed. */
      challengers: z.array(z.string().min(1)).default([]),
      /** The packages that the set is made of, for the record on chain. */
      packages: z.array(modelPackage).default([]),
    })
    .prefault({}),
  registry: z
    .strictObject({
      /** The strategy's model id is keccak256 of this name; the deploy script has the same default. */
      decisionModel: z.string().min(1).default("rangekeeper-default"),
      noticeSeconds: whole.optional(),
      canaryCap: amount.optional(),
      /** The on-chain head, as hex of the bytes that ml/runtime/quantizedMlp.ts writes. */
      headFile: z.string().min(1).optional(),
    })
    .prefault({}),
  roles: z
    .strictObject({
      owner: address.optional(),
      curator: address.optional(),
      guardian: address.optional(),
      modelSigner: address.optional(),
      keeper: address.optional(),
    })
    .prefault({}),
  vaults: z.array(vaultSection).min(1, "at least one [[vaults]] is needed"),
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

/** Values that a command line may set, by path in the file; later than file and environment. */
export type Overrides = Readonly<Record<string, string | number | undefined>>;

/** Environment variable -> path in the file. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  RANGEKEEPER_CHAIN_ID: "chainId",
  RANGEKEEPER_RPC_URL: "rpcUrl",
  RANGEKEEPER_ADDRESSES: "addresses",
  RANGEKEEPER_JOURNAL: "journal.path",
  RANGEKEEPER_LOG_LEVEL: "log.level",
  RANGEKEEPER_MODE: "worker.mode",
  RANGEKEEPER_MODELS: "models.set",
  REDIS_URL: "redis.url",
};
const NUMERIC = new Set(["chainId"]);

export interface LoadConfigParameters {
  /** The TOML file; absent = RANGEKEEPER_CONFIG. */
  readonly path?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly overrides?: Overrides;
}

/** Defaults < file < environment < overrides, parsed once. Throws ConfigError naming field, value and rule. */
export function loadConfig({ path, env = process.env, overrides = {} }: LoadConfigParameters): Config {
  const file = path ?? env.RANGEKEEPER_CONFIG;
  if (!file) throw new ConfigError("--config: not given; rule: name the TOML file by --config or RANGEKEEPER_CONFIG");
  if (!existsSync(file)) throw new ConfigError(`--config: ${file}; rule: the file must exist`);
  let raw: Record<string, unknown>;
  try {
    raw = parseToml(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    const where = cause instanceof TomlError ? `line ${cause.line}, column ${cause.column}` : "unreadable";
    throw new ConfigError(`--config: ${file}: ${where}; rule: the file must be TOML`, { cause });
  }
  const folder = dirname(resolve(file));
  for (const key of ["addresses", "journal.path"]) {
    const value = getPath(raw, key);
    if (typeof value === "string") setPath(raw, key, resolve(folder, value));
  }
  const journals = getPath(raw, "api.journals");
  if (Array.isArray(journals))
    setPath(
      raw,
      "api.journals",
      journals.map((file) => (typeof file === "string" ? resolve(folder, file) : file)),
    );
  const keys = getPath(raw, "keys");
  for (const name of isTable(keys) ? Object.keys(keys) : []) {
    const value = getPath(raw, `keys.${name}.keystore`);
    if (typeof value === "string") setPath(raw, `keys.${name}.keystore`, resolve(folder, value));
  }
  for (const [name, key] of Object.entries(ENVIRONMENT)) {
    if (env[name]) setPath(raw, key, NUMERIC.has(key) ? numberOr(env[name]) : env[name]);
  }
  for (const [key, value] of Object.entries(overrides)) if (value !== undefined) setPath(raw, key, value);
  return parseConfig(raw);
}

/** Parses an already merged object; throws ConfigError naming every broken field. */
export function parseConfig(raw: unknown): Config {
  const result = configSchema.safeParse(raw);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `config ${describeIssue(issue, raw)}`).join("\n"));
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

const numberOr = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

function getPath(target: Record<string, unknown>, path: string): unknown {
  return path.split(".").reduce<unknown>((node, key) => (isTable(node) ? node[key] : undefined), target);
}

function setPath(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop() ?? path;
  let node = target;
  for (const key of keys) {
    const next = node[key];
    if (isTable(next)) node = next;
    else {
      const created: Record<string, unknown> = {};
      node[key] = created;
      node = created;
    }
  }
  node[last] = value;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
