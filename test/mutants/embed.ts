import type { Mutant } from "./list.ts";

/** Solidity source by path. */
export type Sources = ReadonlyMap<string, string>;

/** Where a mutant changes which text. */
interface Site {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** Asks which mutant is awake; pure code may ask it too, which a cast of the function's type makes possible. */
export const SWITCH_FILE = "vaults/libraries/Awake.sol";
export const SWITCH_SOURCE = `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

function isCoinbase(uint256 number) view returns (bool) {
    return uint160(address(block.coinbase)) == number;
}

function awake(uint256 number) pure returns (bool) {
    function (uint256) view returns (bool) ask = isCoinbase;
    function (uint256) pure returns (bool) askPure;
    assembly {
        askPure := ask
    }
    return askPure(number);
}
`;

/** The one place of a mutant in the contracts, or why there is none. */
export function locate(sources: Sources, { find }: Mutant): Site | string {
  const [before, piece, after] = find.includes("«") ? find.split(/[«»]/) : ["", find, ""];
  if (before === undefined || piece === undefined || after === undefined) return "«» is not closed";
  const whole = before + piece + after;
  const sites: Site[] = [];
  for (const [file, text] of sources) {
    for (let at = text.indexOf(whole); at >= 0; at = text.indexOf(whole, at + 1)) {
      sites.push({ file, start: at + before.length, end: at + before.length + piece.length });
    }
  }
  const [site] = sites;
  return sites.length === 1 && site !== undefined ? site : `occurs ${sites.length} times in the contracts`;
}

/** The contracts with one mutant in them. */
export function mutate(sources: Sources, mutant: Mutant): Map<string, string> {
  const site = locate(sources, mutant);
  if (typeof site === "string") throw new Error(site);
  const text = sources.get(site.file) as string;
  return new Map([[site.file, text.slice(0, site.start) + mutant.replace + text.slice(site.end)]]);
}

const isStatement = (text: string) => /[;}]$/.test(text.trim());

/** The text that holds several mutants of one piece, each asleep until its number is the block's coinbase. */
function sleeping(piece: string, mutants: readonly { number: number; replace: string }[]): string {
  if (isStatement(piece)) {
    return mutants.reduceRight(
      (rest, { number, replace }) => `if (awake(${number})) {\n${replace}\n} else {\n${rest}\n}\n`,
      piece,
    );
  }
  return mutants.reduceRight((rest, { number, replace }) => `(awake(${number}) ? ${replace} : ${rest})`, piece);
}

/**
 * All mutants in one text, so that one compilation serves them all. Those that overlap another's piece, or are marked
 * `alone` (a piece that is no statement and no expression), are left out and named.
 */
export function embed(
  sources: Sources,
  mutants: readonly { number: number; mutant: Mutant }[],
): { changed: Map<string, string>; left: Set<number> } {
  const left = new Set<number>();
  const byFile = new Map<string, { site: Site; in: { number: number; replace: string }[] }[]>();
  for (const { number, mutant } of mutants) {
    const site = locate(sources, mutant);
    if (typeof site === "string") continue;
    const groups = byFile.get(site.file) ?? [];
    byFile.set(site.file, groups);
    const same = groups.find((group) => group.site.start === site.start && group.site.end === site.end);
    const overlaps = groups.some(
      (group) => group !== same && group.site.start < site.end && site.start < group.site.end,
    );
    if (mutant.alone || overlaps) left.add(number);
    else if (same) same.in.push({ number, replace: mutant.replace });
    else groups.push({ site, in: [{ number, replace: mutant.replace }] });
  }
  const changed = new Map<string, string>([[SWITCH_FILE, SWITCH_SOURCE]]);
  for (const [file, groups] of byFile) {
    let text = sources.get(file) as string;
    for (const group of groups.sort((a, b) => b.site.start - a.site.start)) {
      const { start, end } = group.site;
      text = text.slice(0, start) + sleeping(text.slice(start, end), group.in) + text.slice(end);
    }
    const path = `${"../".repeat(file.split("/").length - 1)}${SWITCH_FILE}`;
    changed.set(
      file,
      text.replace(/^pragma .*;$/m, (line) => `${line}\nimport {awake} from "${path}";`),
    );
  }
  return { changed, left };
}

/** Numbers of the sleeping mutants on the lines at which the compiler stopped. */
export function blamed(changed: ReadonlyMap<string, string>, compilerOutput: string): Set<number> {
  const numbers = new Set<number>();
  for (const [, file, line] of compilerOutput.matchAll(/(?:-->|╭▸|┌─)\s*([\w./]+\.sol):(\d+):/g)) {
    const text = changed.get(file as string);
    if (text === undefined) continue;
    // A statement's own lines are inside of the braces that its number opens.
    const lines = text.split("\n").slice(Math.max(0, Number(line) - 4), Number(line) + 1);
    for (const [, number] of lines.join("\n").matchAll(/awake\((\d+)\)/g)) numbers.add(Number(number));
  }
  return numbers;
}
