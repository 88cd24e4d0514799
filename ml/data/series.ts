import { basename } from "node:path";
import type { Bar, Numeraire } from "../types.ts";
import { flipBars, joinBars, swapsOf, toBars } from "./bars.ts";
import type { DatasetSeries, SeriesSamples } from "./dataset.ts";
import { readEvents } from "./events.ts";
import { DataFileError } from "./file.ts";
import { listFiles } from "./market.ts";
import { ratioBars, readCandles } from "./ohlcv.ts";
import { readPoolHours } from "./poolHours.ts";
import { readPoolMinutes } from "./poolMinutes.ts";

const HOUR = 3600;
/** The first weeks of the exchange files hold candles of a market that had barely opened. */
const CANDLES_FROM = Date.UTC(2017, 8, 1) / 1000;

/** Licence class of a source: whether its repository grants redistribution. */
export type LicenceClass = "permissive" | "none" | "mixed";

export interface Source {
  readonly file: string;
  readonly path: string;
  readonly licence: LicenceClass;
}

export interface TrainingSeries {
  readonly series: readonly DatasetSeries[];
  readonly sources: readonly Source[];
}

const DAY_HORIZONS = [6 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR, 72 * HOUR] as const;

const candleSamples: SeriesSamples = {
  volatilityStrideHours: 1,
  rangeStrideHours: 3,
  rangesPerTime: 5,
  yieldsPerTime: 0,
  horizonsSeconds: DAY_HORIZONS,
  warmUpHours: 170,
};

const poolSamples: SeriesSamples = {
  volatilityStrideHours: 6,
  rangeStrideHours: 1,
  rangesPerTime: 2,
  yieldsPerTime: 8,
  horizonsSeconds: DAY_HORIZONS,
  warmUpHours: 25,
};

/** Reads every series that the models are trained on from a data folder. Names the first file that is missing. */
export function readTrainingSeries(dataFolder: string, progress: (line: string) => void): TrainingSeries {
  const files = listFiles(dataFolder);
  const sources: Source[] = [];
  const open = (file: string, licence: LicenceClass): string => {
    const path = files.find((candidate) => basename(candidate) === file);
    if (path === undefined) {
      throw new DataFileError(`data file ${file} is missing below ${dataFolder}; training needs it`, {
        details: { file, dataFolder },
      });
    }
    sources.push({ file, path, licence });
    progress(`read ${file}`);
    return path;
  };

  const candles = (file: string): Bar[] =>
    readCandles(open(file, "mixed"), HOUR).filter((bar) => bar.startSeconds >= CANDLES_FROM);
  const eth = candles("binance_spot_ethusdt_1h_2017_2024-06.csv.gz");
  const btc = candles("binance_spot_btcusdt_1h_2017_2024-06.csv.gz");
  const series: DatasetSeries[] = [
    { name: "ethusdt", hourly: eth, fine: eth, samples: candleSamples },
    { name: "btcusdt", hourly: btc, fine: btc, samples: candleSamples },
    ...[ratioBars(eth, btc)].map((bars) => ({ name: "ethbtc", hourly: bars, fine: bars, samples: candleSamples })),
    // The move that frightens one side of a pair is the rally of the other: models must know both.
    ...[flipBars(eth)].map((bars) => {
      const samples = { ...candleSamples, volatilityStrideHours: 6, rangesPerTime: 0 };
      return { name: "inverse-ethusdt", hourly: bars, fine: bars, samples };
    }),
  ];

  const minutes = readPoolMinutes(open("polygon_usdc_weth_005_minute.csv.gz", "permissive"), {
    numeraire: 0,
    feePips: 500,
  });
  for (const [i, span] of spans(minutes, 24 * 60).entries()) {
    series.push(fromFine(`polygon-usdc-weth-005-${i + 1}`, span, 60, poolSamples));
  }
  const usdcWeth = { numeraire: 0 as Numeraire, feePips: 500, decimals0: 6, decimals1: 18 };
  const hours = readPoolHours(open("ethereum_usdc_weth_hourly_2023-11_2023-12.csv.gz", "permissive"), usdcWeth);
  series.push({ name: "ethereum-usdc-weth-005", hourly: hours, fine: hours, samples: poolSamples });
  const wmaticUsd = { numeraire: 1 as Numeraire, feePips: null, decimals0: 18, decimals1: 6 };
  const wmatic = readPoolHours(open("polygon_wmatic_usd_hourly_2022-01_2022-05.csv.gz", "none"), wmaticUsd);
  const wmaticSamples = { ...poolSamples, rangeStrideHours: 2 };
  series.push({ name: "polygon-wmatic-usd", hourly: wmatic, fine: wmatic, samples: wmaticSamples });

  const eventFiles = [
    ["ethereum_wbtc_weth_03_events_2023-03-01.csv.gz", "none", 3000, 1],
    ["ethereum_usdc_weth_005_events_2023-11-10.csv.gz", "permissive", 500, 0],
    ["ethereum_usdc_weth_005_events_2024-01-05.csv.gz", "permissive", 500, 0],
    ["polygon_usdc_weth_005_events_2022-01-05.csv.gz", "permissive", 500, 0],
  ] as const;
  for (const [file, licence, feePips, numeraire] of eventFiles) {
    const events = readEvents(open(file, licence));
    const swaps = swapsOf(events);
    const first = events[0]?.timestamp ?? 0;
    const fromTimestamp = Math.ceil(first / HOUR) * HOUR;
    const untilSeconds = Math.floor(((events.at(-1)?.timestamp ?? 0) + 1) / HOUR) * HOUR;
    const bars = toBars({ swaps, fromTimestamp, pool: { feePips } }, numeraire, { barSeconds: 300, untilSeconds });
    const oneDay = untilSeconds - fromTimestamp < 2 * 24 * HOUR;
    // A single day leaves no room for a day ahead: short history, short horizon.
    const samples: SeriesSamples = oneDay
      ? { ...poolSamples, volatilityStrideHours: 0, horizonsSeconds: [6 * HOUR], warmUpHours: 6 }
      : { ...poolSamples, horizonsSeconds: [6 * HOUR, 24 * HOUR] };
    series.push(
      fromFine(
        file
          .replace(/\.csv\.gz$/, "")
          .replace("_events", "")
          .replaceAll("_", "-"),
        bars,
        12,
        samples,
      ),
    );
  }
  return { series, sources };
}

function fromFine(name: string, fine: readonly Bar[], perHour: number, samples: SeriesSamples): DatasetSeries {
  const whole = fine.slice(fine.length % perHour);
  return { name, hourly: joinBars(whole, perHour), fine: whole, samples };
}

/** Splits bars at holes of at least `hole` empty bars. */
function spans(bars: readonly Bar[], hole: number): Bar[][] {
  const parts: Bar[][] = [];
  let part: Bar[] = [];
  let empty = 0;
  for (const bar of bars) {
    part.push(bar);
    empty = Number.isNaN(bar.close) ? empty + 1 : 0;
    if (empty < hole) continue;
    parts.push(part.slice(0, -empty));
    part = [];
  }
  return [...parts, part].filter((one) => one.length > 0).map((one) => one.slice(firstKnown(one)));
}

const firstKnown = (bars: readonly Bar[]): number =>
  Math.max(
    0,
    bars.findIndex((bar) => !Number.isNaN(bar.close)),
  );
