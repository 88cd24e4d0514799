import { basename } from "node:path";
import type { Bar, Numeraire } from "../../types.ts";
import { flipBars } from "../bars.ts";
import { DataFileError } from "../file.ts";
import { listFiles } from "../market.ts";
import { ratioOf } from "../ohlcv.ts";
import type { BarStream } from "./label.ts";
import { openSeries, type Source } from "./openSeries.ts";
import type { SeriesSamples } from "./samplers.ts";

const HOUR = 3600;
/** The first weeks of the exchange files hold candles of a market that had barely opened. */
const CANDLES_FROM = Date.UTC(2017, 8, 1) / 1000;
const DAY_HORIZONS = [6 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR, 72 * HOUR] as const;

const candleSamples: SeriesSamples = {
  volatilityStrideHours: 1,
  varianceSeconds: 24 * HOUR,
  rangeStrideHours: 3,
  rangesPerTime: 5,
  yieldsPerTime: 0,
  horizonsSeconds: DAY_HORIZONS,
  warmUpHours: 170,
  decisions: false,
};

const poolSamples: SeriesSamples = {
  volatilityStrideHours: 6,
  varianceSeconds: 24 * HOUR,
  rangeStrideHours: 1,
  rangesPerTime: 2,
  yieldsPerTime: 8,
  horizonsSeconds: DAY_HORIZONS,
  warmUpHours: 25,
  decisions: true,
};

const noRanges = { volatilityStrideHours: 6, rangesPerTime: 0 } as const;
/** A single day leaves no room for a day ahead: short history, short horizon. */
const oneDay = { volatilityStrideHours: 0, horizonsSeconds: [6 * HOUR], warmUpHours: 6 } as const;

const ETH = "binance_spot_ethusdt_1h_2017_2024-06";
const BTC = "binance_spot_btcusdt_1h_2017_2024-06";

/** The markets that the shipped models are trained on, in the order of their rows. */
const POOLS: readonly {
  readonly file: string;
  readonly name: string;
  readonly numeraire: Numeraire;
  readonly feePips?: number | null;
  readonly samples?: Partial<SeriesSamples>;
}[] = [
  { file: "polygon_usdc_weth_005_minute", name: "polygon-usdc-weth-005", numeraire: 0 },
  { file: "ethereum_usdc_weth_hourly_2023-11_2023-12", name: "ethereum-usdc-weth-005", numeraire: 0, feePips: 500 },
  {
    file: "polygon_wmatic_usd_hourly_2022-01_2022-05",
    name: "polygon-wmatic-usd",
    numeraire: 1,
    feePips: null,
    samples: { rangeStrideHours: 2 },
  },
  {
    file: "ethereum_wbtc_weth_03_events_2023-03-01",
    name: "ethereum-wbtc-weth-03-2023-03-01",
    numeraire: 1,
    samples: { horizonsSeconds: [6 * HOUR, 24 * HOUR] },
  },
  {
    file: "ethereum_usdc_weth_005_events_2023-11-10",
    name: "ethereum-usdc-weth-005-2023-11-10",
    numeraire: 0,
    samples: oneDay,
  },
  {
    file: "ethereum_usdc_weth_005_events_2024-01-05",
    name: "ethereum-usdc-weth-005-2024-01-05",
    numeraire: 0,
    samples: oneDay,
  },
  {
    file: "polygon_usdc_weth_005_events_2022-01-05",
    name: "polygon-usdc-weth-005-2022-01-05",
    numeraire: 0,
    samples: oneDay,
  },
];

/** A series, and the file whose market it is of. */
export interface MarketStream extends BarStream {
  readonly market: string;
}

/** The training set of the shipped models, and the files it is made of. Names the first file that is missing. */
export async function trainingSet(
  dataFolder: string,
): Promise<{ readonly streams: readonly MarketStream[]; readonly sources: readonly Source[] }> {
  const files = listFiles(dataFolder);
  const sources: Source[] = [];
  const open = async (name: string, options: Pick<(typeof POOLS)[number], "numeraire" | "feePips">) => {
    if (!files.some((path) => basename(path) === `${name}.csv.gz`)) {
      const file = `${name}.csv.gz`;
      throw new DataFileError(
        `data file ${file} is missing below ${dataFolder}, and what ships is trained on it; name files of your own by --market`,
        {
          details: { file, dataFolder },
        },
      );
    }
    const opened = await openSeries({ dataFolder, files, name, ...options });
    for (const source of opened.sources) if (!sources.some(({ path }) => path === source.path)) sources.push(source);
    return opened;
  };
  const candles = async (name: string) => {
    const { series } = await open(name, { numeraire: 1 });
    return {
      ...series,
      async *bars() {
        for await (const bar of series.bars()) if (bar.startSeconds >= CANDLES_FROM) yield bar;
      },
    };
  };
  const [eth, btc] = [await candles(ETH), await candles(BTC)];
  const streams: MarketStream[] = [
    { ...eth, name: "ethusdt", market: ETH, samples: candleSamples, numbered: false },
    { ...btc, name: "btcusdt", market: BTC, samples: candleSamples, numbered: false },
    {
      ...eth,
      name: "ethbtc",
      market: "binance_spot_ethbtc",
      bars: () => ratio(eth, btc),
      samples: candleSamples,
      numbered: false,
    },
    // The move that frightens one side of a pair is the rally of the other: models must know both.
    {
      ...eth,
      name: "inverse-ethusdt",
      market: ETH,
      bars: () => flipped(eth),
      samples: { ...candleSamples, ...noRanges },
      numbered: false,
    },
  ];
  for (const { file, name, samples = {}, ...options } of POOLS) {
    const { series } = await open(file, options);
    // Minutes of two summers lie in one file.
    streams.push({
      ...series,
      name,
      market: file,
      samples: { ...poolSamples, ...samples },
      numbered: file.endsWith("_minute"),
    });
  }
  return { streams, sources };
}

async function* flipped(series: Pick<BarStream, "bars">): AsyncGenerator<Bar> {
  for await (const bar of series.bars()) yield flipBars([bar])[0] as Bar;
}

/** Bars of the ratio of two series with the same quote, at the times that both have. */
async function* ratio(base: Pick<BarStream, "bars">, other: Pick<BarStream, "bars">): AsyncGenerator<Bar> {
  const others = other.bars()[Symbol.asyncIterator]();
  const divide = ratioOf();
  let next = await others.next();
  for await (const bar of base.bars()) {
    while (!next.done && next.value.startSeconds < bar.startSeconds) next = await others.next();
    if (!next.done && next.value.startSeconds === bar.startSeconds) yield divide(bar, next.value);
  }
}
