import { keccak256 as viemKeccak } from "viem";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../ml/random.ts";
import { keccak256 } from "../../../ml/runtime/keccak/keccak.ts";

describe("keccak256", () => {
  it("gives the hashes that Ethereum gives, around every block's end and beyond the buffer", () => {
    const random = seededRandom(3);
    const lengths = [0, 1, 31, 32, 134, 135, 136, 137, 271, 272, 273, 3_500, 32_639, 32_640, 32_641, 65_281];
    for (const length of lengths) {
      const bytes = Uint8Array.from({ length }, () => 256 * random());
      expect(keccak256(bytes), `${length} bytes`).toBe(viemKeccak(bytes));
    }
  });

  it("knows what it says of nothing", () => {
    expect(keccak256(new Uint8Array())).toBe("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  });
});
