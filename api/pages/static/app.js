// What the pages do in the browser: plots, the live tail, keys, and messages. Text is only ever text.
"use strict";

const PALETTE = ["#d1495b", "#3b82c4", "#e08e00", "#2a9d6f", "#8a63d2", "#64748b"];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function tell(text) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { notice.hidden = true; }, 8000);
}

function draw(place) {
  const { times, names, counts } = JSON.parse(place.dataset.series);
  if (!times.length) { place.textContent = "No errors are counted."; place.className = "empty"; return; }
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--edge") }, ticks: { stroke: colour("--edge") } };
  const series = names.map((name, i) => ({
    label: name, stroke: PALETTE[i % PALETTE.length], width: 2, points: { show: times.length < 40, size: 5 },
  }));
  const size = () => ({ width: place.clientWidth, height: 200 });
  place.replaceChildren();
  const plot = new uPlot({
    ...size(), tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    series: [{ label: "UTC" }, ...series], axes: [axis, { ...axis, label: "errors a minute", labelSize: 22 }],
    scales: { y: { range: (u, low, high) => [0, Math.max(1, high * 1.1)] } },
  }, [times, ...counts], place);
  new ResizeObserver(() => plot.setSize(size())).observe(place);
}

// The bars of a histogram: the server tells those alone that have lines, the first from where its time begins.
function barsOf(told) {
  const step = told.bucket_seconds;
  const seconds = (text) => Date.parse(text) / 1000;
  const first = Math.floor(seconds(told.start) / step) * step;
  const times = [];
  for (let at = first; at <= seconds(told.end); at += step) times.push(at);
  const rows = { all: times.map(() => 0), warn: times.map(() => 0), error: times.map(() => 0) };
  for (const one of told.buckets) {
    const i = Math.floor((seconds(one.start) - first) / step);
    const errors = (one.levels.ERROR || 0) + (one.levels.FATAL || 0);
    rows.all[i] = one.count;
    rows.warn[i] = errors + (one.levels.WARN || 0);
    rows.error[i] = errors;
  }
  return { first, step, times, rows };
}

async function drawHistogram(place) {
  let told;
  try {
    const answer = await fetch(place.dataset.stats, { headers: { accept: "application/json" } });
    told = await answer.json();
    if (!answer.ok) throw new Error(told.detail || "The server gives no counts.");
  } catch (error) {
    const note = document.createElement("p");
    note.className = "small";
    note.textContent = `No counts over time: ${error.message}`;
    place.replaceChildren(note);
    return;
  }
  if (!told.total) { place.hidden = true; return; }
  const { first, step, times, rows } = barsOf(told);
  const axis = { stroke: colour("--soft"), grid: { show: false }, ticks: { stroke: colour("--edge") } };
  // Each lies before the one behind it, so that what is seen of it is the difference.
  const bars = (label, name, row, minus) => ({
    label, fill: colour(name), stroke: colour(name), width: 0, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.9, 60], align: 1 }),
    value: (u, v, s, i) => (i === null ? "–" : (row[i] - (minus ? minus[i] : 0)).toLocaleString()),
  });
  const series = [
    bars("other", "--bar", rows.all, rows.warn), bars("warn", "--medium", rows.warn, rows.error),
    bars("error", "--critical", rows.error, null),
  ];
  const size = () => ({ width: place.clientWidth, height: 120 });
  const plot = new uPlot({
    ...size(), tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    padding: [8, 26, 0, 0], cursor: { drag: { x: true, y: false, setScale: false }, y: false },
    series: [{ label: "UTC" }, ...series], axes: [axis, { ...axis, size: 52 }],
    scales: { x: { range: () => [first, times[times.length - 1] + step] }, y: { range: (u, low, high) => [0, Math.max(1, high * 1.05)] } },
    hooks: { setSelect: [(u) => {
      if (u.select.width < 4) return;
      const at = (x) => new Date(Math.round(u.posToVal(x, "x")) * 1000).toISOString();
      const page = new URL(place.dataset.page, location.href);
      page.searchParams.set("from", at(u.select.left));
      page.searchParams.set("to", at(u.select.left + u.select.width));
      location.assign(page);
    }] },
  }, [times, rows.all, rows.warn, rows.error], place);
  new ResizeObserver(() => plot.setSize(size())).observe(place);
}

// Offers fields, services and levels for the word that is being typed.
function complete(field) {
  const list = document.getElementById(field.getAttribute("list"));
  const names = field.dataset.fields.split(" ");
  const services = [...document.querySelectorAll("#services option")].map((one) => one.value);
  const values = { level: field.dataset.levels.split(" "), service: services.filter((one) => /^[\w.-]+$/.test(one)) };
  field.addEventListener("input", () => {
    const [, head, sign, word] = /^(.*\s|)([-+(]*)(\S*)$/s.exec(field.value);
    const [name, typed] = word.includes(":") ? word.split(":", 2) : [null, word];
    const offered = name === null ? names.map((one) => `${one}:`) : (values[name] || []).map((one) => `${name}:${one}`);
    const fitting = typed === "" && name === null ? [] : offered.filter((one) => one.toLowerCase().startsWith(word.toLowerCase()));
    list.replaceChildren(...fitting.slice(0, 12).map((one) => {
      const option = document.createElement("option");
      option.value = head + sign + one;
      return option;
    }));
  });
}

function follow(list) {
  const pause = document.getElementById("pause");
  let paused = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
  });
  const source = new EventSource(list.dataset.events);
  source.addEventListener("problem", (event) => tell(JSON.parse(event.data)));
  source.onmessage = (event) => {
    if (paused) return;
    const line = JSON.parse(event.data);
    const item = document.createElement("li");
    item.className = "line";
    for (const [name, text] of [["time", line.time], ["level " + line.level.toLowerCase().replace(/[^a-z]/g, ""), line.level], ["service", line.service], ["message", line.message]]) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      item.append(part);
    }
    list.prepend(item);
    while (list.children.length > 500) list.lastElementChild.remove();
  };
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, select, textarea");
  if (event.key === "/" && !writes) {
    const field = document.querySelector("[data-focus]");
    if (field) { event.preventDefault(); field.focus(); }
  }
});
document.addEventListener("htmx:responseError", (event) => {
  let text = "That did not work.";
  try { text = JSON.parse(event.detail.xhr.responseText).detail || text; } catch { /* no JSON: keep the sentence */ }
  tell(text);
});
document.addEventListener("htmx:sendError", () => tell("The server does not answer."));
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target && target.closest("details:not([open])");
  if (closed) { closed.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", openTarget);
openTarget();
document.querySelectorAll(".plot").forEach(draw);
document.querySelectorAll("[data-stats]").forEach(drawHistogram);
document.querySelectorAll("[data-fields]").forEach(complete);
document.querySelectorAll("[data-events]").forEach(follow);
