import { expect, test } from "vitest";
import { parsePoolDays } from "../../../ml/data/poolDays.ts";

const HEADER = "date_unix,pool,pool_name,open,high,low,close,token0_price,token1_price,tvl_usd,volume_usd";
const day = (at: number, rest: string, name = "A/B 0.05%"): string => `${at},0x1,${name},1,${rest}`;
const parse = (...rows: string[]) => parsePoolDays([HEADER, ...rows].join("\n"), "days.csv");

test("a day earns its volume times the tier over the value locked, known when the day is over", () => {
  const [one, two] = parse(day(86_400, "1.1,1.0,1,1,1,2000,500000"), day(172_800, "2,1,1,1,1,2000,500000", "C/D 0.3%"));
  expect(one).toMatchObject({ pool: "A/B 0.05%", at: 172_800 });
  expect(one?.feeYield).toBeCloseTo((500_000 * 0.0005) / 2000, 12);
  expect(one?.variance).toBeCloseTo(Math.log(1.1) ** 2 / (4 * Math.log(2)), 12);
  expect(two?.feeYield).toBeCloseTo((500_000 * 0.003) / 2000, 12);
});

test("days without prices, volume or value locked are left out", () => {
  const rows = ["0,0,0,1,1,2000,5", "1,0,1,1,1,2000,5", "2,1,1,1,1,0,5", "2,1,1,1,1,2000,0", "2,1,1,1,1,2000,5"];
  expect(parse(...rows.map((rest, i) => day(86_400 * i, rest)))).toHaveLength(1);
});

test("bad values are refused by line, field and rule", () => {
  expect(() => parse(day(0, "2,1,1,1,1,-1,5"))).toThrow(
    'days.csv line 2: tvl_usd is "-1", but it must not be negative',
  );
  expect(() => parse(day(0, "2,1,1,1,1,1,-5"))).toThrow("volume_usd");
  expect(() => parse(day(0, "2,1,1,1,1,1,5", "A/B"))).toThrow('pool_name is "A/B", but it must end in a fee tier');
});
