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
  if (!times.length) { place.textContent = "No errors are counted."; return; }
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
document.querySelectorAll("[data-events]").forEach(follow);
