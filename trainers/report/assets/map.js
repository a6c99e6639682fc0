// The map of the codes: move, zoom, read a point, see its neighbours.
"use strict";
x2vec.map = (() => {
  const dark = ["#62c4e3", "#f3a25f", "#bda8f7", "#7fd19a", "#f492c6", "#d6c65a", "#8db4ff", "#f0857d", "#b0bac5", "#58d6c4"];
  const light = ["#0b647f", "#b3470b", "#6546b5", "#1d6b36", "#a8246f", "#8a7a00", "#2457c5", "#a32020", "#5c6670", "#00857a"];
  const make = (name, attributes = {}, ...inside) => {
    const e = document.createElement(name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    e.append(...inside);
    return e;
  };
  const near = 14; // pixels from a point at which it is meant

  class CodeMap {
    constructor(section, data) {
      Object.assign(this, data);
      this.section = section;
      this.n = this.x.length;
      this.picked = -1; // the point that was clicked
      this.over = -1; // the point that is pointed at
      this.off = new Set(); // classes that are not shown
      this.pictures = false;
      this.build();
      this.watch();
      this.all();
    }

    build() {
      this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "map", "aria-label": "Map of " + this.n.toLocaleString("en") + " codes. Arrow keys go from point to point." });
      this.reading = make("div", { class: "reading", role: "status" });
      this.list = make("ol", { class: "near" });
      const button = (text, act) => {
        const b = make("button", { type: "button" }, text);
        b.addEventListener("click", act);
        return b;
      };
      const buttons = make("span", { class: "buttons" },
        button("Zoom in", () => this.zoom(1.5)), button("Zoom out", () => this.zoom(1 / 1.5)), button("Show all", () => this.all()));
      if (this.thumbs) {
        const b = button("Pictures", () => {
          this.pictures = !this.pictures;
          b.setAttribute("aria-pressed", String(this.pictures));
          this.draw();
        });
        b.setAttribute("aria-pressed", "false");
        buttons.append(b);
        this.sheet = new Image();
        this.sheet.addEventListener("load", () => { this.loaded = true; this.draw(); this.tell(); });
        this.sheet.src = this.thumbs.uri;
      }
      const bar = make("div", { class: "controls" }, buttons);
      const count = this.classes.map(() => 0);
      for (const l of this.label) if (l >= 0) count[l]++;
      this.legend = make("ul", { class: "key", "aria-label": "Classes; press one to hide it" });
      this.classes.slice(0, 40).forEach((name, i) => {
        if (!count[i]) return;
        const dot = make("span", { class: "spot" });
        const b = button("", () => {
          if (!this.off.delete(i)) this.off.add(i);
          b.setAttribute("aria-pressed", String(!this.off.has(i)));
          this.draw();
        });
        b.className = "class";
        b.setAttribute("aria-pressed", "true");
        b.append(dot, name);
        this.legend.append(make("li", {}, b));
        (this.spots ||= []).push([dot, i]);
      });
      this.section.querySelector(".hint").hidden = false;
      this.section.querySelectorAll(".controls, .mapbox").forEach((e) => e.remove());
      this.section.append(bar, make("div", { class: "mapbox" }, make("div", { class: "field" }, this.canvas, ...(this.legend.children.length ? [this.legend] : [])), make("div", { class: "side" }, this.reading, this.list)));
      this.tell();
    }

    watch() {
      const c = this.canvas;
      new ResizeObserver(() => { this.fit(); this.paint(); }).observe(c); // at once: a canvas of another size is empty
      const redraw = () => { this.color(); this.draw(); };
      const printed = (paper) => () => { this.color(paper); this.paint(); };
      addEventListener("beforeprint", printed(true));
      addEventListener("afterprint", printed(false));
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
      new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
      const at = (e) => { const b = c.getBoundingClientRect(); return [e.clientX - b.left, e.clientY - b.top]; };
      const fingers = new Map();
      let moved = 0;
      c.addEventListener("pointerdown", (e) => {
        if (e.button !== 0) return;
        c.setPointerCapture(e.pointerId);
        fingers.set(e.pointerId, at(e));
        if (fingers.size === 1) moved = 0;
      });
      c.addEventListener("pointermove", (e) => {
        const p = at(e), q = fingers.get(e.pointerId);
        if (!q) { this.point(this.find(p)); return; }
        const others = [...fingers].filter(([id]) => id !== e.pointerId).map(([, v]) => v);
        moved += Math.hypot(p[0] - q[0], p[1] - q[1]);
        if (others.length) { // two fingers: around the one that rests
          const o = others[0], before = Math.hypot(q[0] - o[0], q[1] - o[1]), now = Math.hypot(p[0] - o[0], p[1] - o[1]);
          if (before > 5) this.zoom(now / before, o);
        } else if (moved > 4) {
          this.cx -= (p[0] - q[0]) / this.scale;
          this.cy += (p[1] - q[1]) / this.scale;
          this.draw();
        }
        fingers.set(e.pointerId, p);
      });
      const up = (e) => {
        if (fingers.delete(e.pointerId) && e.type === "pointerup" && moved <= 4) this.pick(this.find(at(e)));
      };
      c.addEventListener("pointerup", up);
      c.addEventListener("pointercancel", up);
      c.addEventListener("pointerleave", () => this.point(-1));
      c.addEventListener("dblclick", (e) => this.zoom(2, at(e)));
      c.addEventListener("wheel", (e) => {
        if (!e.ctrlKey && !e.metaKey && document.activeElement !== c) return; // the page scrolls
        e.preventDefault();
        this.zoom(Math.exp(-Math.sign(e.deltaY) * Math.min(0.4, Math.abs(e.deltaY) / 300)), at(e));
      }, { passive: false });
      c.addEventListener("keydown", (e) => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
        if (way) this.go(way);
        else if (e.key === "+" || e.key === "=") this.zoom(1.5);
        else if (e.key === "-") this.zoom(1 / 1.5);
        else if (e.key === "0") this.all();
        else if (e.key === "Escape") this.pick(-1);
        else return;
        e.preventDefault();
      });
    }

    // fit gives the canvas as many dots as the screen has.
    fit() {
      const r = Math.min(3, devicePixelRatio || 1);
      this.w = this.canvas.clientWidth;
      this.h = this.canvas.clientHeight;
      this.canvas.width = Math.round(this.w * r);
      this.canvas.height = Math.round(this.h * r);
      this.ratio = r;
      if (this.whole) this.center();
    }
    // color takes the colours of the page, or those of paper.
    color(paper) {
      const style = getComputedStyle(document.documentElement), night = !paper && style.colorScheme === "dark", few = night ? dark : light;
      this.ink = paper ? "#000" : style.getPropertyValue("--text").trim();
      this.soft = paper ? "#444" : style.getPropertyValue("--soft").trim();
      this.colors = this.classes.map((_, i) => this.classes.length <= few.length ? few[i] : `hsl(${Math.round(i * 137.5) % 360} ${night ? "65% 68%" : "70% 36%"})`);
      for (const [dot, i] of this.spots || []) dot.style.backgroundColor = this.colors[i];
    }
    all() {
      this.whole = true;
      this.fit();
      this.color();
      this.center();
      this.draw();
    }
    center() {
      this.cx = this.size[0] / 2;
      this.cy = this.size[1] / 2;
      const pad = 24;
      this.scale = Math.min(Math.max(40, this.w - 2 * pad) / (this.size[0] || 1), Math.max(40, this.h - 2 * pad) / (this.size[1] || 1));
      this.least = this.scale / 2;
    }
    px(i) { return [(this.x[i] - this.cx) * this.scale + this.w / 2, this.h / 2 - (this.y[i] - this.cy) * this.scale]; }
    shown(i) { return !this.off.has(this.label[i]); }

    zoom(factor, around) {
      const [ax, ay] = around || [this.w / 2, this.h / 2];
      const mx = this.cx + (ax - this.w / 2) / this.scale, my = this.cy - (ay - this.h / 2) / this.scale;
      this.scale = Math.min(this.least * 4000, Math.max(this.least, this.scale * factor));
      this.cx = mx - (ax - this.w / 2) / this.scale;
      this.cy = my + (ay - this.h / 2) / this.scale;
      this.whole = false;
      this.draw();
    }

    // find gives the point at a place of the canvas, or -1.
    find([ax, ay]) {
      let best = -1, least = near * near;
      for (let i = 0; i < this.n; i++) {
        if (!this.shown(i)) continue;
        const [x, y] = this.px(i), d = (x - ax) ** 2 + (y - ay) ** 2;
        if (d < least) { least = d; best = i; }
      }
      return best;
    }
    point(i) {
      if (i === this.over) return;
      this.over = i;
      this.canvas.style.cursor = i < 0 ? "" : "pointer";
      this.draw();
      this.tell();
    }
    pick(i) {
      this.picked = i;
      this.over = -1;
      this.whole = false;
      this.draw();
      this.tell();
    }
    // go picks the nearest point that lies in a direction of the one that is picked.
    go([dx, dy]) {
      const fx = this.picked < 0 ? this.cx : this.x[this.picked], fy = this.picked < 0 ? this.cy : this.y[this.picked];
      let best = -1, least = Infinity;
      for (let i = 0; i < this.n; i++) {
        if (i === this.picked || !this.shown(i)) continue;
        const vx = this.x[i] - fx, vy = this.y[i] - fy, along = vx * dx + vy * dy, aside = Math.abs(vx * dy) + Math.abs(vy * dx);
        if (this.picked >= 0 && (along <= 0 || aside > along)) continue;
        const d = Math.hypot(vx, vy);
        if (d < least) { least = d; best = i; }
      }
      if (best < 0) return;
      this.pick(best);
      const [x, y] = this.px(best);
      if (x < 0 || y < 0 || x > this.w || y > this.h) {
        this.cx = this.x[best];
        this.cy = this.y[best];
        this.draw();
      }
    }

    draw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.paint(); });
    }
    paint() {
      const g = this.canvas.getContext("2d");
      g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      g.clearRect(0, 0, this.w, this.h);
      const r = Math.max(1.5, Math.min(5, 90 / Math.sqrt(this.n))) * Math.min(2, Math.sqrt(this.scale / (2 * this.least)));
      const seen = [];
      for (let i = 0; i < this.n; i++) {
        if (!this.shown(i)) continue;
        const [x, y] = this.px(i);
        if (x < -40 || y < -40 || x > this.w + 40 || y > this.h + 40) continue;
        seen.push([i, x, y]);
      }
      g.globalAlpha = 0.8;
      for (const [i, x, y] of seen) {
        g.fillStyle = this.label[i] < 0 ? this.soft : this.colors[this.label[i]];
        g.beginPath();
        g.arc(x, y, r, 0, 7);
        g.fill();
      }
      g.globalAlpha = 1;
      if (this.pictures && this.loaded) this.paintPictures(g, seen);
      if (this.words) this.paintTexts(g, seen, r);
      if (this.picked >= 0) {
        const [x, y] = this.px(this.picked);
        g.strokeStyle = this.ink;
        g.lineWidth = 1;
        for (const j of this.near[this.picked] || []) {
          const [a, b] = this.px(j);
          g.beginPath();
          g.moveTo(x, y);
          g.lineTo(a, b);
          g.stroke();
          this.ring(g, j, r + 2, 1.5);
        }
        this.ring(g, this.picked, r + 4, 2.5);
      }
      if (this.over >= 0) this.ring(g, this.over, r + 3, 2);
    }
    ring(g, i, r, width) {
      const [x, y] = this.px(i);
      g.strokeStyle = this.ink;
      g.lineWidth = width;
      g.beginPath();
      g.arc(x, y, r, 0, 7);
      g.stroke();
    }
    // paintPictures draws the small pictures of as many points as do not overlap.
    paintPictures(g, seen) {
      const t = this.thumbs, side = 30, w = side * Math.min(1, t.width / t.height), h = side * Math.min(1, t.height / t.width);
      const taken = new Set();
      g.imageSmoothingEnabled = t.width > side;
      for (const [i, x, y] of seen) {
        const cell = Math.floor(x / (side + 4)) + "," + Math.floor(y / (side + 4));
        if (taken.has(cell)) continue;
        taken.add(cell);
        g.strokeStyle = this.label[i] < 0 ? this.soft : this.colors[this.label[i]];
        g.lineWidth = 2;
        const cx = (Math.floor(x / (side + 4)) + 0.5) * (side + 4), cy = (Math.floor(y / (side + 4)) + 0.5) * (side + 4);
        this.thumb(g, i, cx - w / 2, cy - h / 2, w, h);
        g.strokeRect(cx - w / 2, cy - h / 2, w, h);
      }
    }
    // paintTexts writes as many words as stand beside each other.
    paintTexts(g, seen, r) {
      const lines = new Map(); // what is taken, from and to, by lines of the height of a letter
      const high = 14;
      g.font = "12px system-ui, sans-serif";
      g.fillStyle = this.ink;
      for (const [i, x, y] of seen) {
        if (!this.words[i]) continue;
        const text = this.words[i].slice(0, 24), from = x + r + 2, to = from + g.measureText(text).width, line = Math.floor(y / high);
        const free = [line - 1, line, line + 1].every((l) => (lines.get(l) || []).every(([a, b, at]) => to < a || from > b || Math.abs(at - y) >= high));
        if (!free) continue;
        if (!lines.has(line)) lines.set(line, []);
        lines.get(line).push([from, to, y]);
        g.fillText(text, from, y + 4);
      }
    }
    thumb(g, i, x, y, w, h) {
      const t = this.thumbs, k = t.at ? t.at[i] : i, f = this.sheet.naturalWidth / (t.columns * t.width); // a page may have the sheet smaller
      g.drawImage(this.sheet, (k % t.columns) * t.width * f, Math.floor(k / t.columns) * t.height * f, t.width * f, t.height * f, x, y, w, h);
    }

    // tell says what is known of the point that is pointed at or picked.
    tell() {
      const i = this.over >= 0 ? this.over : this.picked;
      this.reading.replaceChildren();
      if (i < 0) {
        this.reading.append(`Point at ${this.words ? "a word" : "an example"} to see it, click it for its neighbours.`);
        this.list.replaceChildren();
        return;
      }
      this.reading.append(...this.about(i, 84));
      if (this.over >= 0 && this.over !== this.picked) return;
      const from = this.near[this.picked] || [];
      this.list.replaceChildren(...from.map((j) => {
        const b = make("button", { type: "button", "data-point": String(j) }, ...this.about(j, 42));
        b.addEventListener("click", () => { this.pick(j); this.canvas.focus({ preventScroll: true }); });
        return make("li", {}, b);
      }));
    }
    about(i, side) {
      const parts = [];
      if (this.thumbs && this.loaded) {
        const t = this.thumbs, c = make("canvas", { "aria-hidden": "true", class: "thumb" });
        const f = side / Math.max(t.width, t.height);
        c.width = Math.round(t.width * f * 2);
        c.height = Math.round(t.height * f * 2);
        c.style.width = Math.round(t.width * f) + "px";
        const g = c.getContext("2d");
        g.imageSmoothingEnabled = t.width > side;
        this.thumb(g, i, 0, 0, c.width, c.height);
        parts.push(c);
      }
      const said = make("span", { class: "said" });
      if (this.label[i] >= 0) said.append(make("b", {}, this.classes[this.label[i]]), " ");
      if (this.words && this.words[i]) said.append(this.words[i], " ");
      said.append(make("small", {}, "example " + this.index[i].toLocaleString("en")));
      parts.push(said);
      return parts;
    }
  }

  // begin makes the map of the page; one that a server has is asked for.
  const begin = async () => {
    const section = document.getElementById("section-map");
    if (!section || section.map || !(section.dataset.map || section.dataset.src)) return;
    section.map = true;
    try {
      let data;
      if (section.dataset.src) {
        const answer = await fetch(section.dataset.src);
        if (!answer.ok) throw new Error(await answer.text());
        data = await answer.json();
      } else data = JSON.parse(section.dataset.map);
      data.words = data.text;
      delete data.text;
      section.map = new CodeMap(section, data);
    } catch (err) {
      section.append(make("p", { class: "caption", role: "alert" }, "The map cannot be shown: " + err.message));
    }
  };
  return begin;
})();
