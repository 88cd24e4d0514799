import type { Bar } from "../types.ts";
import { closeVariance } from "./volatility.ts";
import { barReturn } from "./window.ts";

/** Log return over the last `hours` in units of what a week's volatility makes normal for that time. */
function sigmas(bars: readonly Bar[], hours: number): number {
  const last = bars.at(-1)?.close ?? Number.NaN;
  const before = bars.at(-1 - hours)?.close ?? Number.NaN;
  const variance = (closeVariance(bars, 168) * hours) / 24;
  const value = (last - before) / Math.sqrt(Math.max(variance, 1e-12));
  return Math.max(-20, Math.min(20, value));
}

function squaredReturns(bars: readonly Bar[]): number[] {
  const returns: number[] = [];
  for (let i = Math.max(0, bars.length - 24); i < bars.length; i++) {
    const value = barReturn(bars, i);
    if (!Number.isNaN(value)) returns.push(Math.sign(value) * value ** 2);
  }
  return returns.length >= 18 ? returns : [];
}

/** Share of the last day's squared returns that fell; 0..1. A day without any move counts as half. */
function downside(bars: readonly Bar[]): number {
  const squares = squaredReturns(bars);
  if (squares.length === 0) return Number.NaN;
  const total = squares.reduce((sum, value) => sum + Math.abs(value), 0);
  return total === 0 ? 0.5 : squares.reduce((sum, value) => sum + Math.max(0, -value), 0) / total;
}

/** Share of the last day's squared returns that its largest hour made; 0..1. */
function jump(bars: readonly Bar[]): number {
  const squares = squaredReturns(bars).map(Math.abs);
  if (squares.length === 0) return Number.NaN;
  const total = squares.reduce((sum, value) => sum + value, 0);
  return total === 0 ? 1 / squares.length : Math.max(...squares) / total;
}

/** Returns in sigma units (dimensionless) and their shape over a day. Known at the end of the last bar. */
export const returnFeatures = {
  return_1h: (bars: readonly Bar[]) => sigmas(bars, 1),
  return_6h: (bars: readonly Bar[]) => sigmas(bars, 6),
  return_24h: (bars: readonly Bar[]) => sigmas(bars, 24),
  downside_24h: downside,
  jump_24h: jump,
} as const;
