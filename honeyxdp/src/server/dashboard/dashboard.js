// The dashboard: reads /live.json every second and shows it. Text is inserted as text, never as HTML.
"use strict";

const PERIOD = 1000; // ms between two questions
const PATIENCE = 6000; // ms that an answer may take
const LONGEST_PAUSE = 10000; // ms between two questions when nobody answers
const STALE = 5000; // ms without new numbers
const PAST = 600; // seconds that are kept
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

const state = {
  view: null, // the last answer
  families: [], // names, in the order of a sample's counts
  points: [], // {number, end (ms), seconds, syns}
  hidden: new Set(), // families that are left out of the chart
  cursor: null, // number of the sample that the reader points at
  paused: false,
  failures: 0,
  error: "",
  changed: 0, // when the numbers were last new, by performance.now()
};

// --- Making elements ---------------------------------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// A table's rows: cells are text or nodes; {n: ...} is a number, {wide: ...} may take lines, {bar: ...} says nothing new. The
// first cell heads its row.
function fill(table, heads, rows) {
  const cell = (tag, content, properties = {}) => {
    const kind = typeof content === "object" && !(content instanceof Node) ? Object.keys(content)[0] : "";
    if (kind === "bar") return make("td", { class: "bars", "aria-hidden": "true" }, content.bar);
    return make(tag, kind ? { class: kind, ...properties } : properties, kind ? content[kind] : content);
  };
  const head = make("tr", {}, ...heads.map((content) => cell("th", content, { scope: "col" })));
  const body = rows.map(({ cells, none }) => {
    const [first, ...rest] = cells;
    return make("tr", none ? { class: "none" } : {},
      cell("th", first, { scope: "row" }), ...rest.map((content) => cell("td", content)));
  });
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

function pairs(list, entries) {
  list.replaceChildren(...entries.flatMap(([name, value, bad]) =>
    [make("dt", {}, name), make("dd", bad ? { class: "bad" } : {}, value)]));
}

function swatch(family) {
  const index = state.families.indexOf(family);
  return make("span", { class: `swatch ${colour(index)}`, "aria-hidden": "true" });
}

// The last family is `other`, which is grey.
function colour(index) {
  return index === state.families.length - 1 ? "f10" : `f${((index % 10) + 10) % 10}`;
}

const named = (family) => make("span", { class: "name" }, swatch(family), family);

// --- Numbers as people read them ---------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const count = (number) => whole.format(number);
const rate = (number) => (number === 0 ? "0" : number < 10 ? number.toFixed(1) : count(number));

function short(number) {
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= limit) return `${+(number / limit).toPrecision(3)}${unit}`;
  }
  return `${+number.toPrecision(3)}`;
}

function bytes(number) {
  for (const [limit, unit] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (number >= limit) return `${(number / limit).toFixed(1)} ${unit}`;
  }
  return `${number} bytes`;
}

function unique(sources) {
  if (!sources) return "-";
  return sources.exact ? count(sources.value) : `≈ ${count(Math.max(sources.estimate, sources.value))}`;
}

const atLeast = (sources) => (!sources ? "-" : sources.exact ? count(sources.value) : `≥ ${count(sources.value)}`);
// ISO 8601, UTC: a date that reads the same everywhere.
const moment = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;
const clock = (time) => new Date(time).toISOString().slice(11, 19);

// --- Asking ------------------------------------------------------------------------------------------------------------

let timer = 0;
let asking = false;

function next(pause) {
  clearTimeout(timer);
  timer = setTimeout(ask, pause);
}

async function ask() {
  if (state.paused || document.hidden || asking) return;
  asking = true;
  try {
    const last = state.points.length ? state.points[state.points.length - 1].number : 0;
    const answer = await fetch(`/live.json?after=${last}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error((await answer.text()).trim().slice(0, 300) || `status ${answer.status}`);
    take(await answer.json());
    state.failures = 0;
  } catch (error) {
    state.failures += 1;
    state.error = error instanceof TypeError || error.name === "TimeoutError" ? "the sensor does not answer" : error.message;
  }
  asking = false;
  show();
  next(Math.min(PERIOD * 2 ** Math.max(state.failures - 2, 0), LONGEST_PAUSE));
}

function take(view) {
  if (view.schema !== "honeyxdp.live/1") throw new Error(`this page cannot read ${view.schema}; load it again`);
  if (!state.view || view.generated_at !== state.view.generated_at) state.changed = performance.now();
  const families = view.samples.families;
  if (families.join() !== state.families.join()) {
    state.families = families;
    state.points = [];
    legend();
  }
  const fresh = view.samples.points.map((point) => ({ ...point, end: Date.parse(point.end) }));
  // A sensor that was started again counts its samples from 1.
  if (fresh.length && state.points.length && fresh[0].number <= state.points[state.points.length - 1].number) state.points = [];
  state.points.push(...fresh);
  const newest = state.points.length ? state.points[state.points.length - 1].end : 0;
  state.points = state.points.filter((point) => newest - point.end <= PAST * 1000 && point.end <= newest);
  state.view = view;
}

// --- Showing -----------------------------------------------------------------------------------------------------------

function show() {
  status();
  if (!state.view) return;
  const view = state.view;
  byId("sensor").textContent = `${view.sensor.hostname} · ${view.sensor.id}`;
  document.title = `${rate(view.syns_per_second)} SYN/s · honeyxdp`;
  tiles(view);
  chart();
  families(view);
  ports(view);
  dispositions(view);
  payloads(view);
  about(view);
  overflows();
}

// Marks tables that are wider than their box, so that the page can say that they scroll.
function overflows() {
  for (const box of document.querySelectorAll(".scroll")) box.toggleAttribute("data-more", box.scrollWidth > box.clientWidth + 1);
}

function status() {
  const view = state.view;
  const alerts = [];
  const stale = performance.now() - state.changed > STALE;
  let [kind, text] = ["live", "live"];
  if (state.failures > 1) {
    [kind, text] = ["lost", "disconnected"];
    alerts.push(`Disconnected: ${state.error}. ${view ? `The numbers are from ${moment(view.generated_at)}.` : ""} Trying again.`);
  } else if (state.paused) {
    [kind, text] = ["paused", "paused"];
  } else if (!view) {
    [kind, text] = ["waiting", "connecting"];
  } else if (view.not_ready) {
    [kind, text] = ["unready", "not ready"];
  } else if (stale) {
    [kind, text] = ["stale", "stale"];
    alerts.push(`Stale: the sensor answers, but its numbers are from ${moment(view.generated_at)}.`);
  }
  if (view) {
    if (view.not_ready) alerts.push(`Not ready: ${view.not_ready}.`);
    const lost = view.records.lost_packets;
    if (lost > 0) alerts.push(`Loss: the records of ${count(lost)} SYNs were lost. Counts are exact; numbers of sources are estimates or lower bounds.`);
    if (view.memory.sets_evicted > 0) alerts.push(`Memory: ${count(view.memory.sets_evicted)} sets of sources were evicted; their numbers are estimates. Raise --memory.`);
  }
  const box = byId("state");
  if (box.textContent !== text) box.textContent = text;
  box.dataset.state = kind;
  // Only what changed is read aloud again.
  const old = [...byId("alerts").children].map((alert) => alert.textContent);
  if (old.join("\n") !== alerts.join("\n")) byId("alerts").replaceChildren(...alerts.map((alert) => make("p", { class: "alert" }, alert)));
}

function tiles(view) {
  const lost = view.records.lost_packets;
  const tile = ([name, value, bad]) => make("div", {}, make("dt", {}, name), make("dd", bad ? { class: "bad" } : {}, value));
  byId("tiles").replaceChildren(...[
    ["SYNs per second", rate(view.syns_per_second)],
    ["SYNs counted", count(view.frames.dispositions.syn ?? 0)],
    ["Frames per second", rate(view.frames_per_second)],
    ["Ports seen", count(view.ports_seen)],
    ["SYNs in lost records", count(lost), lost > 0],
  ].map(tile));
}

function families(view) {
  const heads = ["family", { n: "per second" }, { n: "SYNs" }, { n: "sources, this hour" }, { n: "today" }, { n: "since start" }, { n: "IPv6" }, "rule", "confidence", "top ports"];
  const zero = { value: 0, exact: true };
  fill(byId("families"), heads, view.families.map((family) => ({
    none: family.packets === 0,
    cells: [
      named(family.name), { n: rate(family.per_second) }, { n: count(family.packets) },
      { n: unique(family.sources_hour ?? zero) }, { n: unique(family.sources_day ?? zero) }, { n: unique(family.sources) },
      { n: count(family.packets_v6) }, family.rule, family.confidence,
      { wide: family.ports.map(([port, packets]) => `${port}\u00a0(${count(packets)})`).join(", ") },
    ],
  })));
}

function ports(view) {
  const heads = [{ n: "port" }, { n: "per second" }, { n: "SYNs" }, { n: "sources" }, "families"];
  fill(byId("ports"), heads, view.ports.map((port) => ({
    cells: [
      { n: String(port.port) }, { n: rate(port.per_second) }, { n: count(port.packets) }, { n: atLeast(port.sources) },
      { wide: port.families.slice(0, 3).map(([family, packets]) => `${family}\u00a0(${count(packets)})`).join(", ") + (port.families.length > 3 ? `, and ${port.families.length - 3} more` : "") },
    ],
  })));
  const more = view.ports_seen - view.ports.length;
  const unwatched = view.ports.some((port) => !port.sources) ? "A - under sources: sources are counted at the ports of --port-sources only." : "";
  byId("ports-more").textContent = view.ports_seen === 0 ? "No SYN was seen yet." : [more > 0 ? `and ${count(more)} more ports.` : "", unwatched].join(" ").trim();
}

// First payloads, if the sensor captures any: sums by exploit and family, and the responder's counters.
function payloads(view) {
  const section = byId("payloads-section");
  section.hidden = !view.payloads;
  if (section.hidden) return;
  const { classified, logins, rate_limited, lost, classifications, other_classifications, responder } = view.payloads;
  const sums = new Map();
  for (const { exploit, family, port, payloads } of classifications) {
    const key = JSON.stringify([exploit, family]);
    const sum = sums.get(key) ?? { exploit, family, payloads: 0, ports: new Set() };
    sum.payloads += payloads;
    sum.ports.add(port);
    sums.set(key, sum);
  }
  const rows = [...sums.values()].sort((a, b) => b.payloads - a.payloads).slice(0, 12);
  fill(byId("payloads"), ["exploit", "family", { n: "payloads" }, "ports"], rows.map(({ exploit, family, payloads, ports }) => ({
    cells: [exploit ?? "no known exploit", family, { n: count(payloads) }, { wide: [...ports].slice(0, 8).join(", ") + (ports.size > 8 ? ", ..." : "") }],
  })));
  const others = other_classifications.payloads;
  byId("payloads-more").textContent = classified === 0 ? "No payload was captured yet." : others > 0 ? `and ${count(others)} payloads of rarer classifications` : "";
  pairs(byId("payloads-counters"), [
    ["classified", count(classified)],
    ["logins", count(logins)],
    ["rate limited", count(rate_limited)],
    ["lost", count(lost), lost > 0],
    ...(responder ? [
      ["SYNs answered", count(responder.answered)],
      ["connections accepted", count(responder.accepted)],
      ["prompts sent", count(responder.prompted)],
      ["answers rate limited", count(responder.rate_limited_source + responder.rate_limited_total)],
    ] : []),
  ]);
}

function dispositions(view) {
  const all = Object.entries(view.frames.dispositions).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...all.map(([, frames]) => frames));
  fill(byId("dispositions"), ["disposition", { n: "frames" }, { bar: "" }], all.map(([name, frames]) => {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${(frames / most) * 100}%`;
    return { none: frames === 0, cells: [name, { n: count(frames) }, { bar: frames > 0 ? bar : "" }] };
  }));
  const records = view.records;
  pairs(byId("records"), [
    ["in records", `${count(records.packets)} SYNs in ${count(records.emitted)} records`],
    ["lost", `${count(records.lost_packets)} SYNs in ${count(records.lost)} records`, records.lost > 0],
    ["sampled out", `${count(records.sampled_out_packets)} SYNs`],
    ["sets of sources", `${bytes(view.memory.sets)} of ${bytes(view.memory.limit)}`],
    ["sets evicted", count(view.memory.sets_evicted), view.memory.sets_evicted > 0],
  ]);
}

function about(view) {
  const interfaces = view.interfaces.map(({ name, mode, attached, frames }) =>
    [`interface ${name}`, attached ? `attached, ${mode} mode, ${count(frames)} frames` : `gone; it was attached in ${mode} mode`, !attached]);
  pairs(byId("about"), [
    ...interfaces,
    ["counting since", moment(view.started_at)],
    ["read at", moment(view.generated_at)],
    ["stored snapshot", view.sequence === null ? "none yet" : `number ${count(view.sequence)}, every ${view.interval_seconds} s`],
    ["frames", `${count(view.frames.seen)}, ${bytes(view.frames.bytes)}`],
    ["version", `${view.sensor.version} (${view.sensor.revision}), Linux ${view.sensor.kernel}`],
    ...(view.sensor.site ? [["site", view.sensor.site]] : []),
  ]);
  const said = (value) => (value !== null && typeof value === "object" ? Object.entries(value).map(([name, inner]) => `${said(inner)} ${name}`).join(", ") : String(value));
  const filters = Object.entries(view.filters).map(([name, value]) => [name, said(value)]);
  const out = Object.entries(view.frames.filtered).filter(([, frames]) => frames > 0).map(([reason, frames]) => [`removed by ${reason}`, `${count(frames)} SYNs`]);
  pairs(byId("filters"), filters.length ? [...filters, ...out] : [["none", "every SYN is counted"]]);
}

// --- The chart ---------------------------------------------------------------------------------------------------------

const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;

function legend() {
  byId("legend").replaceChildren(...state.families.map((family) => {
    const button = make("button", { type: "button", "aria-pressed": String(!state.hidden.has(family)) }, swatch(family), family);
    button.addEventListener("click", () => {
      if (!state.hidden.delete(family)) state.hidden.add(family);
      button.setAttribute("aria-pressed", String(!state.hidden.has(family)));
      chart();
    });
    return button;
  }));
}

const shown = () => state.families.map((_, index) => index).filter((index) => !state.hidden.has(state.families[index]));

function inWindow() {
  const newest = state.points.length ? state.points[state.points.length - 1].end : Date.now();
  const start = newest - Number(byId("window").value) * 1000;
  return { start, newest, points: state.points.filter((point) => point.end > start) };
}

// The next of 1, 2, 5, 10, 20 ...
function nice(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= number * 0.999);
}

function chart() {
  const plot = byId("plot");
  const { width, height } = plot.getBoundingClientRect();
  if (width < 10) return;
  const { start, newest, points } = inWindow();
  const visible = shown();
  const totals = points.map((point) => visible.reduce((sum, index) => sum + point.syns[index], 0) / point.seconds);
  const step = nice(Math.max(1, ...totals) / 4);
  const top = step * Math.max(1, Math.ceil(Math.max(1, ...totals) / step));
  const x = (time) => LEFT + ((Math.max(time, start) - start) / (newest - start)) * (width - LEFT);
  const y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
  const parts = [];
  for (let value = 0; value <= top * 1.001; value += step) {
    parts.push(draw("line", { class: "grid", x1: LEFT, x2: width, y1: y(value), y2: y(value) }));
    parts.push(draw("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const ticks = width < 420 ? 2 : width < 700 ? 3 : 5;
  for (let tick = 0; tick <= ticks; tick += 1) {
    const time = start + ((newest - start) * tick) / ticks;
    const anchor = tick === ticks ? "end" : tick === 0 ? "start" : "middle";
    parts.push(draw("text", { x: x(time), y: height - 4, "text-anchor": anchor }, clock(time)));
  }
  // A sample is a step over its whole time: nothing is made up between two of them.
  const floor = points.map(() => 0);
  for (const index of visible) {
    let path = "";
    points.forEach((point, at) => {
      const value = point.syns[index] / point.seconds;
      if (value === 0) return;
      const [from, to] = [x(point.end - point.seconds * 1000), x(point.end)];
      const [low, high] = [y(floor[at]), y(floor[at] + value)];
      path += `M${from.toFixed(1)} ${low.toFixed(1)}V${high.toFixed(1)}H${(to + 0.3).toFixed(1)}V${low.toFixed(1)}Z`;
      floor[at] += value;
    });
    if (path) parts.push(draw("path", { class: colour(index), d: path }));
  }
  const at = points.findIndex((point) => point.number === state.cursor);
  if (at >= 0) parts.push(draw("line", { class: "cursor", x1: x(points[at].end), x2: x(points[at].end), y1: TOP, y2: height - BOTTOM }));
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  plot.replaceChildren(...parts);
  readout(at >= 0 ? points[at] : null);
  const mean = totals.length ? totals.reduce((sum, value) => sum + value, 0) / totals.length : 0;
  byId("chart-summary").textContent = `Between ${clock(start)} and ${clock(newest)}: up to ${rate(Math.max(0, ...totals))} a second, ${rate(mean)} on average.`;
  if (byId("chart-table").open) table(points);
}

function readout(point) {
  const text = point === null ? "" : `${clock(point.end)}: ` + (shown()
    .map((index) => [state.families[index], point.syns[index] / point.seconds]).filter(([, value]) => value > 0)
    .sort((a, b) => b[1] - a[1]).map(([family, value]) => `${family} ${rate(value)}`).join(", ") || "no SYN");
  if (byId("readout").textContent !== text) byId("readout").textContent = text;
}

function table(points) {
  const rows = points.slice(-30).reverse().map((point) => ({
    cells: [clock(point.end), ...shown().map((index) => ({ n: rate(point.syns[index] / point.seconds) }))],
  }));
  fill(byId("samples"), ["time", ...shown().map((index) => ({ n: state.families[index] }))], rows);
}

function move(by) {
  const { points } = inWindow();
  if (!points.length) return;
  const at = points.findIndex((point) => point.number === state.cursor);
  const from = at < 0 ? points.length - 1 - Math.min(by, 0) : at;
  state.cursor = points[Math.min(Math.max(from + by, 0), points.length - 1)].number;
  chart();
}

byId("chart").addEventListener("keydown", (event) => {
  const { points } = inWindow();
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -points.length, End: points.length };
  if (event.key in steps) move(steps[event.key]);
  else if (event.key === "Escape") { state.cursor = null; chart(); }
  else return;
  event.preventDefault();
});
byId("chart").addEventListener("pointermove", (event) => {
  const { left, width } = byId("plot").getBoundingClientRect();
  const { start, newest, points } = inWindow();
  const time = start + ((event.clientX - left - LEFT) / (width - LEFT)) * (newest - start);
  const point = points.find(({ end, seconds }) => time <= end && time > end - seconds * 1000);
  state.cursor = point ? point.number : null;
  chart();
});
byId("chart").addEventListener("pointerleave", () => { state.cursor = null; chart(); });
byId("window").addEventListener("change", chart);
byId("chart-table").addEventListener("toggle", chart);
new ResizeObserver(() => { chart(); overflows(); }).observe(byId("chart"));

// --- Controls ----------------------------------------------------------------------------------------------------------

function pause() {
  state.paused = !state.paused;
  byId("pause").setAttribute("aria-pressed", String(state.paused));
  byId("pause").textContent = state.paused ? "Resume" : "Pause";
  status();
  if (!state.paused) next(0);
}

const THEMES = ["system", "light", "dark"];
const wish = matchMedia("(prefers-color-scheme: dark)");
let theme = "system";
try {
  const kept = localStorage.getItem("honeyxdp-theme");
  if (THEMES.includes(kept)) theme = kept;
} catch { /* Without storage the theme is the system's at every start. */ }

function paint() {
  document.documentElement.dataset.theme = theme === "system" ? (wish.matches ? "dark" : "light") : theme;
  byId("theme-name").textContent = theme;
}

function turn() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem("honeyxdp-theme", theme);
  } catch { /* As above. */ }
  paint();
}

wish.addEventListener("change", paint);
byId("pause").addEventListener("click", pause);
byId("theme").addEventListener("click", turn);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLSelectElement) return;
  if (event.key === "p") pause();
  if (event.key === "d") turn();
});
// A page that nobody sees asks nothing.
document.addEventListener("visibilitychange", () => { if (!document.hidden) next(0); });
setInterval(status, PERIOD);
paint();
ask();
