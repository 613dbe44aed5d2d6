// What an edit makes of a curve: plain functions, no document in sight.
//
// A curve is { weights, total }. With a total (liters a day) only the ratios of the weights
// count and what is shown is each one's share of the total; without one the weights are shown.

export const LEAST = 0.001;
const DECIMALS = 1000;
// No hour may take the whole day: the others would be nothing.
const LARGEST_SHARE = 0.98;

export const sum = (values) => values.reduce((left, right) => left + right, 0);

/** Return what is shown of each weight. */
export function shown(curve) {
  if (curve.total === null) return [...curve.weights];
  const perWeight = curve.total / sum(curve.weights);
  return curve.weights.map((weight) => weight * perWeight);
}

/**
 * Set what is shown at some places, a Map of index to value.
 * Locked, the sum stays. A weight that was not touched keeps its number wherever it can.
 */
export function painted(curve, values, isLocked, limits) {
  const low = limits.min;
  const before = shown(curve);
  const touched = [...values.keys()];
  const rest = before.filter((_, index) => !values.has(index));
  const wanted = new Map(touched.map((index) => [index, Math.max(0, values.get(index))]));
  if (!isLocked) return rounded(unlocked(curve, wanted, before), limits);
  const whole = sum(before);
  const asked = sum([...wanted.values()]);
  const most = rest.length ? whole * LARGEST_SHARE - low * rest.length : whole;
  const squeeze = rest.length === 0 && asked > 0 ? whole / asked : asked > most ? most / asked : 1;
  wanted.forEach((value, index) => wanted.set(index, value * squeeze));
  if (curve.total === null) {
    const left = (whole - sum([...wanted.values()])) / Math.max(sum(rest), 1e-12);
    return rounded({ weights: before.map((value, index) => wanted.get(index) ?? value * left), total: null }, limits);
  }
  // Only ratios count: the others keep their weights, and the touched ones get what makes their share.
  const restWeights = sum(curve.weights.filter((_, index) => !values.has(index)));
  const perLiter = rest.length
    ? restWeights / (curve.total - sum([...wanted.values()]))
    : sum(curve.weights) / curve.total;
  const weights = curve.weights.map((weight, index) => (wanted.has(index) ? wanted.get(index) * perLiter : weight));
  return rounded({ weights, total: curve.total }, limits);
}

function unlocked(curve, wanted, before) {
  if (curve.total === null) {
    return { weights: before.map((value, index) => wanted.get(index) ?? value), total: null };
  }
  const perLiter = sum(curve.weights) / curve.total;
  const weights = curve.weights.map((weight, index) => (wanted.has(index) ? wanted.get(index) * perLiter : weight));
  const kept = weights.map((weight) => Math.max(weight, LEAST));
  return { weights: kept, total: Math.round((sum(kept) / perLiter) * 10) / 10 };
}

/** Give the weights the mean 1; what is shown of a curve with a total stays. */
export function normalized(curve, limits) {
  const mean = sum(curve.weights) / curve.weights.length;
  if (!(mean > 0)) return curve;
  return rounded({ weights: curve.weights.map((weight) => weight / mean), total: curve.total }, limits);
}

/** Replace the shape, and keep the total. */
export function reshaped(curve, weights, limits) {
  return rounded({ weights: [...weights], total: curve.total }, limits);
}

/** Move one place of a smooth line, and its neighbors less the farther they are. */
export function pulled(curve, index, value, width) {
  const before = shown(curve);
  const count = before.length;
  const change = value - before[index];
  const moved = new Map();
  before.forEach((old, place) => {
    const apart = Math.abs(place - index);
    // A day and a week are circles: the last place is next to the first.
    const distance = Math.min(apart, count - apart);
    const share = Math.exp((-distance * distance) / (2 * width * width));
    if (share > 0.02) moved.set(place, Math.max(0, old + change * share));
  });
  return moved;
}

/** Read numbers from text as YAML, a spreadsheet or Python write them. */
export function parsed(text, count) {
  const parts = text.split(/[\s,;\[\]()]+/).filter(Boolean);
  const numbers = parts.map(Number);
  if (numbers.length !== count || !numbers.every(Number.isFinite)) return null;
  return numbers;
}

export function written(curve) {
  return `[${curve.weights.map((weight) => Number(weight.toFixed(3))).join(", ")}]`;
}

function rounded(curve, limits) {
  const weights = curve.weights.map((weight) => {
    const near = Math.round(weight * DECIMALS) / DECIMALS;
    return Math.min(limits.max, Math.max(limits.min, near));
  });
  return { weights, total: curve.total };
}
