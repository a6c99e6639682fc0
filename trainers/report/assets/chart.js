// Curves: reading, zoom, smoothing, scales. The page has them drawn already; this
// draws them again when somebody asks for another view, or when a run moves on.
"use strict";
const x2vec = (() => {
  const svg = "http://www.w3.org/2000/svg";
  const el = (name, attributes, text) => {
    const e = document.createElementNS(svg, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  };

  const number = (v) => {
    const a = Math.abs(v);
    if (Number.isInteger(v) && a < 1e9) return v.toLocaleString("en");
    if (a >= 1e9 || a < 1e-4) return String(Number(v.toPrecision(3)));
    return a >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(4)));
  };
  const seconds = (v) => {
    if (v < 60) return number(v) + " s";
    if (v < 3600) return Math.floor(v / 60) + " min" + (v % 60 >= 1 ? " " + Math.floor(v % 60) + " s" : "");
    return Math.floor(v / 3600) + " h" + (v % 3600 >= 60 ? " " + Math.floor((v % 3600) / 60) + " min" : "");
  };

  const linearTicks = (lo, hi, n) => {
    if (!(hi > lo)) return [lo];
    const raw = (hi - lo) / n, unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * ([1, 2, 5].find((m) => m * unit >= raw * (1 - 1e-9)) || 10);
    const ticks = [];
    for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9 && ticks.length <= 2 * n; i++) ticks.push(i * step + 0); // no -0
    return ticks;
  };
  const logTicks = (lo, hi) => {
    const a = Math.log10(lo), b = Math.log10(hi), ticks = [];
    const every = Math.max(1, Math.ceil((b - a) / 6));
    for (let e = Math.floor(a); e <= Math.ceil(b); e += every)
      for (const m of b - a < 3 ? [1, 2, 5] : [1]) {
        const v = m * 10 ** e;
        if (v >= lo * (1 - 1e-9) && v <= hi * (1 + 1e-9)) ticks.push(v);
      }
    return ticks.length < 2 ? [lo, hi] : ticks;
  };

  // view is what all curves of the page share. zoom is in units of the axis.
  const view = { smooth: 0, axis: "step", zoom: null };
  let clocks = {};
  let charts = [];

  // place gives where a step of a run stands on the axis.
  const place = (run, step) => {
    const clock = clocks[run];
    if (view.axis === "step" || !clock) return step;
    if (view.axis === "epoch") return step * clock.epoch;
    const t = clock.time;
    if (!t.length) return 0;
    let i = t.findIndex((p) => p[0] >= step);
    if (i < 0) i = t.length - 1;
    const [s1, t1] = t[i], [s0, t0] = i ? t[i - 1] : [0, 0];
    return s1 > s0 ? t0 + ((t1 - t0) * (step - s0)) / (s1 - s0) : t1;
  };
  const onAxis = (v) => (view.axis === "time" ? seconds(v) : number(v));
  const atPlace = (v) => (view.axis === "time" ? "at " + seconds(v) : view.axis + " " + number(Number(v.toPrecision(4))));

  // smoothed is the mean of a point and of those before it, each counting less by
  // the factor w than the one behind it.
  const smoothed = (points, w) => {
    let sum = 0, weight = 0;
    return points.map((p) => {
      sum = sum * w + p.y;
      weight = weight * w + 1;
      return sum / weight;
    });
  };

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.plot = figure.querySelector(".plot");
      this.readout = figure.querySelector(".readout");
      this.toggle = figure.querySelector(".toggle");
      this.log = this.toggle.getAttribute("aria-pressed") === "true";
      this.at = null;
      this.read(figure);
      this.toggle.hidden = false;
      this.toggle.addEventListener("click", () => {
        this.log = !this.log;
        this.toggle.setAttribute("aria-pressed", String(this.log));
        this.draw();
      });
      this.listen();
    }

    // read takes the data of a figure, its own or one of a newer page.
    read(figure) {
      this.unit = figure.dataset.unit ? " " + figure.dataset.unit : "";
      this.series = JSON.parse(figure.dataset.series);
      this.readout.dataset.rest = figure.querySelector(".readout").dataset.rest;
      this.plot.setAttribute("aria-label", figure.querySelector(".plot").getAttribute("aria-label"));
      this.place();
    }
    place() {
      for (const s of this.series)
        for (const kind of ["points", "dots"])
          s[kind + "At"] = s[kind].map(([step, y, min, max]) => ({ x: place(s.name, step), y, min, max }));
    }

    range() {
      let lo = Infinity, hi = -Infinity;
      for (const s of this.series) for (const p of [...s.pointsAt, ...s.dotsAt]) { lo = Math.min(lo, p.x); hi = Math.max(hi, p.x); }
      return [lo, hi];
    }

    draw() {
      const [all0, all1] = this.range();
      const [x0, x1] = view.zoom || [all0, all1];
      this.x0 = x0; this.x1 = x1;
      const px = (v) => (x1 > x0 ? (1000 * (v - x0)) / (x1 - x0) : 500);
      let lo = Infinity, hi = -Infinity;
      const take = (p) => { if (p.x >= x0 && p.x <= x1) { lo = Math.min(lo, p.min); hi = Math.max(hi, p.max); } };
      for (const s of this.series) { s.pointsAt.forEach(take); s.dotsAt.forEach(take); }
      if (lo > hi) { lo = 0; hi = 1; }
      const log = this.log && lo > 0 && hi > lo;
      this.toggle.disabled = !(lo > 0 && hi > lo * 1.5) && !this.log;
      let py, ticks;
      if (log) {
        const a = Math.log10(lo), b = Math.log10(hi);
        py = (v) => 1000 - (1000 * (Math.log10(Math.max(v, lo)) - a)) / (b - a);
        ticks = logTicks(lo, hi);
      } else {
        if (lo > 0 && lo < hi / 2 && !view.zoom) lo = 0;
        if (lo === 0 && hi === 0) hi = 1;
        if (lo === hi) { const pad = Math.max(Math.abs(hi) / 10, 1e-12); lo -= pad; hi += pad; }
        py = (v) => 1000 - (1000 * (v - lo)) / (hi - lo);
        ticks = linearTicks(lo, hi, 5);
      }
      const f = (v) => v.toFixed(1);
      const path = (list) => list.map(([x, y], i) => (i ? "L" : "M") + f(x) + " " + f(y)).join("") + (list.length === 1 ? "h0" : "");
      const lines = this.figure.querySelector(".lines");
      lines.replaceChildren(...this.series.map((s) => {
        const g = el("g", { class: s.class });
        // One point to each side of what is seen, so that lines leave the picture.
        const p = s.pointsAt;
        let a = p.findIndex((q) => q.x >= x0), b = p.findLastIndex((q) => q.x <= x1);
        a = a < 0 ? p.length : Math.max(0, a - 1);
        b = Math.min(p.length - 1, b + 1);
        const seen = p.slice(a, b + 1);
        const mean = seen.map((q) => [px(q.x), py(q.y)]);
        const w = view.smooth;
        if (this.series.length === 1 && !w && seen.length > 1 && seen.some((q) => q.max > q.min))
          g.append(el("path", { class: "band", d: path([...seen.map((q) => [px(q.x), py(q.max)]), ...seen.map((q) => [px(q.x), py(q.min)]).reverse()]) + "Z" }));
        if (mean.length) g.append(el("path", { class: w ? "line faint" : "line", d: path(mean) }));
        if (w) {
          s.smooth = smoothed(p, w);
          if (mean.length) g.append(el("path", { class: "line", d: path(seen.map((q, i) => [px(q.x), py(s.smooth[a + i])])) }));
        }
        const dots = s.dotsAt.filter((q) => q.x >= x0 && q.x <= x1);
        if (dots.length) g.append(el("path", { class: "dots", d: dots.map((q) => "M" + f(px(q.x)) + " " + f(py(q.y)) + "h0").join("") }));
        return g;
      }));
      this.figure.querySelector(".rules").replaceChildren(...ticks.map((v) => el("path", { class: "rule", d: "M0 " + Math.round(py(v)) + "h1000" })));
      this.figure.querySelector("svg.y").replaceChildren(...ticks.map((v) => el("text", { x: "100%", y: py(v) / 10 + "%", dy: "0.32em", "text-anchor": "end" }, number(v))));
      const anchor = (at) => (at < 30 ? "start" : at > 970 ? "end" : "middle");
      const wide = this.plot.clientWidth || 200;
      let xs = [];
      for (let n = 5; n > 0; n--) { // as many labels as stand beside each other
        xs = linearTicks(x0, x1, n).filter((v) => view.axis !== "step" || Number.isInteger(v));
        let right = -Infinity;
        if (xs.every((v) => {
          const width = 7 * onAxis(v).length, at = px(v);
          const left = (at * wide) / 1000 - width * { start: 0, middle: 0.5, end: 1 }[anchor(at)], fits = left >= right;
          right = left + width + 8;
          return fits;
        })) break;
      }
      this.figure.querySelector("svg.x").replaceChildren(...xs.map((v) => el("text", { x: px(v) / 10 + "%", y: "1em", "text-anchor": anchor(px(v)) }, onAxis(v))));
      this.show(this.at);
    }

    // show reads the values at a place of the axis; null is nowhere.
    show(at) {
      this.at = at;
      const cursor = this.figure.querySelector(".cursor"), list = this.figure.querySelector(".values");
      if (at === null) {
        cursor.setAttribute("d", "");
        this.readout.textContent = this.readout.dataset.rest;
        list.hidden = true;
        return;
      }
      const said = [];
      let x = at, best = Infinity;
      for (const s of this.series) {
        const from = s.pointsAt.length ? s.pointsAt : s.dotsAt;
        let near = -1;
        from.forEach((p, i) => { if (near < 0 || Math.abs(p.x - at) < Math.abs(from[near].x - at)) near = i; });
        if (near < 0) continue;
        const p = from[near];
        if (Math.abs(p.x - at) < best) { best = Math.abs(p.x - at); x = p.x; }
        let text = number(p.y) + this.unit;
        if (view.smooth && from === s.pointsAt) text = number(Number(s.smooth[near].toPrecision(4))) + this.unit + " (" + text + ")";
        else if (p.max > p.min && this.series.length === 1) text += ` (${number(p.min)} to ${number(p.max)})`;
        said.push([s, text]);
      }
      const px = this.x1 > this.x0 ? (1000 * (x - this.x0)) / (this.x1 - this.x0) : 500;
      cursor.setAttribute("d", px >= 0 && px <= 1000 ? `M${px.toFixed(1)} 0v1000` : "");
      if (this.series.length === 1) {
        this.readout.textContent = `${atPlace(x)}: ${said[0][1]}`;
        return;
      }
      this.readout.textContent = atPlace(x);
      list.hidden = false;
      list.replaceChildren(...said.map(([s, text]) => {
        const li = document.createElement("li"), swatch = document.createElement("span"), b = document.createElement("b");
        swatch.className = "swatch " + s.class;
        b.textContent = text;
        li.append(swatch, s.name + " ", b);
        return li;
      }));
    }

    // step moves the reading by so many points of the first series.
    step(by) {
      const xs = [...new Set(this.series.flatMap((s) => (s.pointsAt.length ? s.pointsAt : s.dotsAt).map((p) => p.x)))].sort((a, b) => a - b);
      const inside = xs.filter((x) => x >= this.x0 && x <= this.x1);
      if (!inside.length) return;
      let i = inside.length - 1;
      if (this.at !== null) {
        inside.forEach((x, j) => { if (Math.abs(x - this.at) < Math.abs(inside[i] - this.at)) i = j; });
        i += by;
      }
      this.show(inside[Math.min(inside.length - 1, Math.max(0, i))]);
    }

    listen() {
      const plot = this.plot;
      const axisAt = (e) => {
        const box = plot.getBoundingClientRect();
        return this.x0 + ((this.x1 - this.x0) * Math.min(box.width, Math.max(0, e.clientX - box.left))) / box.width;
      };
      let from = null;
      const mark = el("path", { class: "mark", d: "" });
      plot.querySelector("svg").append(mark);
      const end = () => { from = null; mark.setAttribute("d", ""); };
      plot.addEventListener("pointerdown", (e) => { if (e.button === 0) { from = e.clientX; plot.setPointerCapture(e.pointerId); } });
      plot.addEventListener("pointermove", (e) => {
        this.show(axisAt(e));
        if (from === null) return;
        const box = plot.getBoundingClientRect();
        const a = (1000 * (from - box.left)) / box.width, b = (1000 * (e.clientX - box.left)) / box.width;
        mark.setAttribute("d", `M${a} 0H${b}V1000H${a}Z`);
      });
      plot.addEventListener("pointerup", (e) => {
        if (from !== null && Math.abs(e.clientX - from) > 8) {
          const a = axisAt({ clientX: from }), b = axisAt(e);
          zoom([Math.min(a, b), Math.max(a, b)]);
        }
        end();
      });
      plot.addEventListener("pointercancel", end);
      plot.addEventListener("pointerleave", () => { if (from === null) this.show(null); });
      plot.addEventListener("dblclick", () => zoom(null));
      plot.addEventListener("blur", () => this.show(null));
      plot.addEventListener("keydown", (e) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 }[e.key];
        if (step !== undefined) this.step(step);
        else if (e.key === "+" || e.key === "=") closer(0.5, this.at);
        else if (e.key === "-") closer(2, this.at);
        else if (e.key === "0") zoom(null);
        else if (e.key === "Escape") this.show(null);
        else return;
        e.preventDefault();
      });
    }
  }

  const redraw = () => charts.forEach((c) => c.draw());
  const whole = () => {
    const all = charts.map((c) => c.range());
    return [Math.min(...all.map((r) => r[0])), Math.max(...all.map((r) => r[1]))];
  };
  const zoom = (range) => {
    view.zoom = range;
    redraw();
  };
  // closer makes the range that is seen so many times as wide, around a place.
  const closer = (factor, at) => {
    const [w0, w1] = whole(), [a, b] = view.zoom || [w0, w1];
    const middle = at === null || at === undefined ? (a + b) / 2 : at;
    let lo = Math.max(w0, middle - (middle - a) * factor), hi = Math.min(w1, middle + (b - middle) * factor);
    zoom(lo <= w0 && hi >= w1 ? null : [lo, hi]);
  };

  const begin = () => {
    const section = document.getElementById("section-curves");
    if (!section || !section.dataset.clocks) return;
    clocks = JSON.parse(section.dataset.clocks);
    charts = [...section.querySelectorAll(".chart")].map((f) => new Chart(f));
    for (const c of charts) [c.x0, c.x1] = c.range();
    for (const hidden of section.querySelectorAll(".controls, .hint")) hidden.hidden = false;
    const smooth = section.querySelector("#smooth"), smoothness = section.querySelector("#smoothness"), axis = section.querySelector("#axis");
    const first = !begin.done;
    begin.done = true;
    smooth.value = view.smooth;
    axis.value = view.axis;
    smoothness.textContent = String(view.smooth);
    smooth.addEventListener("input", () => { view.smooth = Number(smooth.value); smoothness.textContent = smooth.value; redraw(); });
    axis.addEventListener("change", () => {
      view.axis = axis.value;
      view.zoom = null;
      charts.forEach((c) => { c.at = null; c.place(); });
      redraw();
    });
    section.querySelector(".controls").addEventListener("submit", (e) => e.preventDefault());
    section.querySelector("#zoom-in").addEventListener("click", () => closer(0.5));
    section.querySelector("#zoom-out").addEventListener("click", () => closer(2));
    section.querySelector("#zoom-all").addEventListener("click", () => zoom(null));
    if (!first) redraw();
  };

  // update takes the curves of a newer page. Where there are others than before,
  // the section as a whole takes the place of the old one.
  const update = (newer) => {
    const section = document.getElementById("section-curves"), other = newer.getElementById("section-curves");
    if (!section || !other) return;
    const ids = (s) => [...s.querySelectorAll(".chart")].map((f) => f.dataset.id).join("\n");
    if (!section.dataset.clocks || ids(section) !== ids(other)) {
      section.replaceWith(document.adoptNode(other));
      begin();
      return;
    }
    section.dataset.clocks = other.dataset.clocks;
    clocks = JSON.parse(other.dataset.clocks);
    const figures = [...other.querySelectorAll(".chart")];
    charts.forEach((c, i) => {
      c.read(figures[i]);
      c.draw();
    });
  };

  return { begin, update, number, seconds };
})();
