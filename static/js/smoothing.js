// Smoothing of a curve. Widths are per thousandth of what is on the screen, so that a curve looks alike at any length;
// gaps in x count by their width, not by how many points are missing. A missing value stays missing.

const VIEWPORT = 1000;
const MOST = 0.999;

const missing = (y) => y === null || y === undefined;

// An exponential average looks back only: a gap in x forgets as much as the points that could stand in it.
function exponential(xs, ys, weight, unit) {
  let mean = 0, debias = 0, before = xs[0];
  return ys.map((y, i) => {
    if (missing(y)) return null;
    const keep = weight ** Math.max((xs[i] - before) / unit, 1e-9);
    before = xs[i];
    mean = mean * keep + y;
    debias = debias * keep + 1;
    return mean / debias;
  });
}

// The other two look to both sides, so that a turn stays where it is.
function around(xs, ys, reach, weigh) {
  let from = 0;
  return ys.map((y, i) => {
    if (missing(y)) return null;
    while (xs[from] < xs[i] - reach) from += 1;
    let sum = 0, weights = 0;
    for (let j = from; j < xs.length && xs[j] <= xs[i] + reach; j++) {
      if (missing(ys[j])) continue;
      const weight = weigh(xs[j] - xs[i]);
      sum += weight * ys[j];
      weights += weight;
    }
    return sum / weights;
  });
}

export function smooth(xs, ys, amount, kind = "exponential") {
  if (!amount || ys.length < 3) return ys;
  const weight = Math.min(Math.sqrt(amount), MOST);
  const unit = (xs.at(-1) - xs[0] || 1) / VIEWPORT;
  const width = unit / (1 - weight);  // as far as the exponential average looks back on average
  if (kind === "running") return around(xs, ys, width, () => 1);
  if (kind === "gaussian") return around(xs, ys, 3 * width, (distance) => Math.exp(-0.5 * (distance / width) ** 2));
  return exponential(xs, ys, weight, unit);
}
