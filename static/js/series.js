// The points of one run in the page: fetched once, extended as news come, cut where a resumed run draws again.

export const AXES = [
  ["step", "step"],
  ["tokens", "tokens"],
  ["flop", "FLOP"],
  ["epoch", "epoch"],
  ["time", "training time"],
  ["clock", "clock"],
  ["device_hours", "device-hours"],
  ["usd", "dollars"],
];
const TITLES = { step: "step", tokens: "tokens", flop: "FLOP", epoch: "epochs", time: "seconds of training", clock: "", device_hours: "device-hours", usd: "USD" };

// `runs` say in their own words what they count; several that count different things share no word.
export function axisTitle(name, runs = []) {
  const units = new Set(runs.map((run) => run.axes.units));
  if (name === "tokens" && units.size === 1) return [...units][0];
  return TITLES[name] ?? name;
}

// Linear between the anchors, and on with the last slope behind them.
function interpolator({ steps, values }, fromZero) {
  const xs = fromZero && steps[0] !== 0 ? [0, ...steps] : steps;
  const ys = fromZero && steps[0] !== 0 ? [0, ...values] : values;
  return (step) => {
    if (!xs.length) return null;
    if (xs.length === 1) return ys[0];
    let low = 0, high = xs.length - 1;
    if (step >= xs[high]) low = high - 1;
    else while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= step) low = middle; else high = middle;
    }
    const slope = (ys[low + 1] - ys[low]) / (xs[low + 1] - xs[low]);
    return ys[low] + (step - xs[low]) * slope;
  };
}

export class RunSeries extends EventTarget {
  constructor(run, { url, points = 1000 } = {}) {
    super();
    this.url = url;
    this.points = points;
    this.series = new Map();
    this.pending = new Set();
    this.setRun(run);
  }

  setRun(run) {
    this.code = run.code;
    this.name = run.name;
    this.keys = [...run.keys];
    this.axes = run.axes;
    this.marks = run.marks;
  }

  take(answer) {
    this.setRun(answer.run);
    for (const found of answer.series) this.series.set(found.key, found);
  }

  async fetch(keys = [], range = null) {
    const query = new URLSearchParams({ points: this.points });
    if (keys.length) query.set("keys", keys.join(","));
    if (range) { query.set("first", Math.floor(range[0])); query.set("last", Math.ceil(range[1])); }
    const response = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  // Fetch keys that are not here yet; several cards that ask at once share one request.
  need(keys) {
    const missing = keys.filter((key) => !this.series.has(key) && !this.pending.has(key));
    for (const key of missing) this.pending.add(key);
    if (missing.length && !this.asking) {
      this.asking = setTimeout(() => this.#askPending(), 10);
    }
  }

  async #askPending() {
    const keys = [...this.pending];
    this.asking = null;
    try {
      this.take(await this.fetch(keys));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
      setTimeout(() => { this.pending.clear(); this.dispatchEvent(new Event("change")); }, 3000);
      return;
    }
    for (const key of keys) this.pending.delete(key);
    this.dispatchEvent(new Event("change"));
  }

  async refetch() {
    const keys = [...this.series.keys()];
    if (!keys.length) return;
    try {
      this.take(await this.fetch(keys));
      this.dispatchEvent(new Event("change"));
    } catch { /* the next news asks again */ }
  }

  // points: {key: [steps, values]}. Steps that are here already are not drawn twice.
  append(points) {
    const changed = new Set();
    for (const [key, [steps, values]] of Object.entries(points)) {
      if (key.startsWith("axis/")) {
        this.#appendAxis(key.slice(5), steps, values);
        continue;
      }
      if (!this.keys.includes(key)) {
        this.keys.push(key);
        this.keys.sort();
        this.dispatchEvent(new CustomEvent("keys"));
      }
      const found = this.series.get(key);
      if (!found) continue;  // not on the screen; it is fetched when it is
      this.#appendTo(found, steps, values);
      changed.add(key);
    }
    if (changed.size) this.dispatchEvent(new CustomEvent("change", { detail: changed }));
    if ([...this.series.values()].some((one) => one.steps.length > 3 * this.points)) this.refetch();
  }

  #appendTo(found, steps, values) {
    const last = found.steps.at(-1) ?? -Infinity;
    steps.forEach((step, i) => {
      if (step <= last) return;
      found.steps.push(step);
      found.last.push(values[i]);
      if (!found.exact) for (const column of ["low", "high", "mean"]) found[column].push(values[i]);
      if (values[i] === null) found.nan.push(step);
      found.num_points += 1;
    });
  }

  #appendAxis(name, steps, values) {
    const axis = this.axes[name];
    if (!axis) return;
    steps.forEach((step, i) => {
      if (step > (axis.steps.at(-1) ?? -Infinity)) { axis.steps.push(step); axis.values.push(values[i]); }
    });
  }

  cut(step) {
    const keep = (steps) => { let n = steps.length; while (n && steps[n - 1] > step) n -= 1; return n; };
    for (const found of this.series.values()) {
      const n = keep(found.steps);
      found.num_points -= found.steps.length - n;
      for (const column of ["steps", "last", "low", "high", "mean"]) if (found[column]) found[column].length = n;
      found.nan = found.nan.filter((at) => at <= step);
    }
    for (const name of ["training_seconds", "clock_seconds"]) {
      const axis = this.axes[name], n = keep(axis.steps);
      axis.steps.length = axis.values.length = n;
    }
    if (step > 0 && !this.marks.resumes.includes(step)) this.marks.resumes.push(step);
    this.dispatchEvent(new Event("change"));
  }

  // Returns a function from step to x, or null where the axis is unknown for this run.
  axis(name) {
    const a = this.axes, times = (factor) => (factor ? (step) => step * factor : null);
    if (name === "tokens") return times(a.tokens_per_step);
    if (name === "flop") return times(a.flop_per_step);
    if (name === "epoch") return times(a.epochs_per_step);
    if (name === "clock") {
      const at = interpolator(a.clock_seconds, false);
      return a.clock_seconds.steps.length ? (step) => new Date(at(step) * 1000) : null;
    }
    if (["time", "device_hours", "usd"].includes(name)) {
      if (!a.training_seconds.steps.length) return null;
      const seconds = interpolator(a.training_seconds, true);
      if (name === "time") return seconds;
      if (name === "device_hours") return (step) => (seconds(step) * a.num_devices) / 3600;
      return a.usd_per_second == null ? null : (step) => seconds(step) * a.usd_per_second;
    }
    return (step) => step;
  }
}
