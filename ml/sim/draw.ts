/** One standard normal number (Box–Muller; the second of the pair is dropped to keep draws independent of history). */
export function drawNormal(random: () => number): number {
  // 1 - random() is never 0.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** One Poisson number, by counting exponential gaps: for small means. */
export function drawPoisson(random: () => number, mean: number): number {
  let count = -1;
  for (let left = mean; left >= 0; count++) left += Math.log(1 - random());
  return count;
}

/** Index of a row of probabilities that sum to 1. */
export function drawIndex(random: () => number, probabilities: readonly number[]): number {
  let left = random();
  for (const [index, probability] of probabilities.entries()) {
    left -= probability;
    if (left < 0) return index;
  }
  return probabilities.length - 1;
}

/** One number from a distribution given by evenly spaced quantiles (first = minimum, last = maximum). */
export function drawQuantile(random: () => number, quantiles: readonly number[]): number {
  const at = random() * (quantiles.length - 1);
  const index = Math.floor(at);
  const [low, high] = [quantiles[index] ?? 0, quantiles[index + 1] ?? quantiles[index] ?? 0];
  return low + (high - low) * (at - index);
}
