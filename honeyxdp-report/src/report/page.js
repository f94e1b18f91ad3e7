"use strict";
// The figures are there without this script. It switches series on and off and shows the numbers under the pointer. Text
// comes into the page by textContent alone.
const figures = JSON.parse(document.getElementById("figures").textContent);
const SVG = "http://www.w3.org/2000/svg";
const numbers = new Intl.NumberFormat("en-US");

function make(parent, name, attributes, text, space) {
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

// The same steps as in figure.rs.
function steps(top) {
  top = Math.max(top, 1);
  for (let power = 1; ; power *= 10) {
    for (const factor of [1, 2, 5]) {
      const step = power * factor;
      if (Math.floor(top / step) > 5) continue;
      const count = Math.ceil(top / step);
      return Array.from({ length: count + 1 }, (_, at) => at * step);
    }
  }
}

function start(figure) {
  const holder = document.getElementById(figure.id);
  const svg = holder.querySelector("svg");
  const [left, top, width, height] = svg.dataset.frame.split(" ").map(Number);
  const count = figure.buckets.length;
  if (count === 0) return;
  const shown = figure.series.map(() => true);
  const paths = figure.series.map((_, number) => svg.querySelector(`path[data-series="${number}"]`));
  const peak = svg.querySelector(".peak");
  const axis = svg.querySelector(".axis");
  const cursor = make(svg, "path", { class: "cursor", visibility: "hidden" }, undefined, SVG);
  const box = make(holder, "div", { class: "values", role: "status" });
  box.hidden = true;
  let place = -1;

  function sum(at) {
    return figure.series.reduce((sum, series, number) => sum + (shown[number] ? series.values[at] : 0), 0);
  }

  function draw() {
    let highest = 0;
    for (let at = 0; at < count; at++) highest = Math.max(highest, sum(at));
    const marks = steps(highest);
    const limit = marks[marks.length - 1];
    const x = (at) => left + (width / count) * at;
    const y = (value) => top + height - (height * value) / limit;
    axis.replaceChildren();
    for (const mark of marks) {
      make(axis, "path", { class: "faint", d: `M${left} ${y(mark).toFixed(1)}h${width}`, fill: "none" }, undefined, SVG);
      const at = { class: "ink", x: left - 8, y: y(mark) + 4.5, "text-anchor": "end" };
      make(axis, "text", at, numbers.format(mark), SVG);
    }
    // Areas go down to the axis: the lower ones lie over the higher ones.
    const sums = new Array(count).fill(0);
    figure.series.forEach((series, number) => {
      if (!shown[number]) {
        paths[number].setAttribute("d", "");
        return;
      }
      let path = `M${left} ${top + height}`;
      for (let at = 0; at < count; at++) {
        sums[at] += series.values[at];
        path += `V${y(sums[at]).toFixed(1)}H${x(at + 1).toFixed(1)}`;
      }
      paths[number].setAttribute("d", `${path}V${top + height}Z`);
    });
    peak.textContent = "";
    if (highest === 0) return;
    const at = sums.indexOf(highest);
    const middle = x(at + 0.5);
    const room = 110;
    const anchor = middle < left + room ? "start" : middle > left + width - room ? "end" : "middle";
    peak.textContent = `${svg.dataset.peak} ${figure.buckets[at]}: ${numbers.format(highest)}`;
    for (const [key, value] of Object.entries({ x: middle, y: y(highest) - 6, "text-anchor": anchor }))
      peak.setAttribute(key, value);
  }

  function show(at) {
    place = Math.max(0, Math.min(count - 1, at));
    const middle = left + (width / count) * (place + 0.5);
    cursor.setAttribute("d", `M${middle} ${top}v${height}`);
    cursor.setAttribute("visibility", "visible");
    box.replaceChildren();
    box.classList.toggle("left", place > count / 2);
    make(box, "strong", {}, figure.buckets[place]);
    const table = make(box, "table", {});
    const rows = figure.series.map((series, number) => ({ series, number })).filter(({ number }) => shown[number]);
    for (const { series } of rows.reverse()) {
      const row = make(table, "tr", {});
      const picture = make(make(row, "td", {}), "svg", { class: "swatch", viewBox: "0 0 10 10" }, undefined, SVG);
      make(picture, "rect", { width: 10, height: 10, fill: series.color }, undefined, SVG);
      make(row, "td", {}, series.name);
      make(row, "td", { class: "number" }, numbers.format(series.values[place]));
    }
    if (rows.length > 1) {
      const row = make(table, "tr", {});
      make(row, "td", {});
      make(row, "td", {}, "Σ");
      make(row, "td", { class: "number" }, numbers.format(sum(place)));
    }
    box.hidden = false;
  }

  function hide() {
    box.hidden = true;
    cursor.setAttribute("visibility", "hidden");
    place = -1;
  }

  for (const entry of svg.querySelectorAll("[data-toggle]")) {
    const number = Number(entry.dataset.toggle);
    const toggle = () => {
      shown[number] = !shown[number];
      entry.setAttribute("aria-pressed", String(shown[number]));
      draw();
      if (place >= 0) show(place);
    };
    entry.setAttribute("role", "button");
    entry.setAttribute("tabindex", "0");
    entry.setAttribute("aria-pressed", "true");
    entry.addEventListener("click", toggle);
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle();
    });
  }

  // With buttons in it, it is no picture any more.
  svg.setAttribute("role", "group");
  holder.setAttribute("tabindex", "0");
  svg.addEventListener("pointermove", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const inside = point.x >= left && point.x < left + width && point.y >= top && point.y <= top + height;
    if (inside) show(Math.floor(((point.x - left) / width) * count));
    else hide();
  });
  svg.addEventListener("pointerleave", hide);
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined && event.target === holder) {
      event.preventDefault();
      show(place < 0 ? (step > 0 ? 0 : count - 1) : place + step);
    } else if (event.key === "Escape") hide();
  });
}

for (const figure of figures) start(figure);
