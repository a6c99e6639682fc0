// Readings of the curves, scale switches, sample sliders, theme. Everything is
// there without this script; it only adds the moving parts.
"use strict";
(() => {
  const show = (el, on) => el.classList.toggle("away", !on);

  const text = (v) => {
    const a = Math.abs(v);
    if (Number.isInteger(v) && a < 1e9) return v.toLocaleString("en");
    if (a >= 1e9 || a < 1e-4) return v.toExponential(2);
    return a >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(4)));
  };

  for (const chart of document.querySelectorAll(".chart")) {
    const toggle = chart.querySelector(".toggle");
    if (toggle) {
      toggle.hidden = false;
      toggle.addEventListener("click", () => {
        const log = toggle.getAttribute("aria-pressed") !== "true";
        toggle.setAttribute("aria-pressed", String(log));
        for (const s of chart.querySelectorAll(".scale")) show(s, s.classList.contains(log ? "log" : "lin"));
      });
    }

    const plot = chart.querySelector(".plot"), readout = chart.querySelector(".readout");
    const cursors = chart.querySelectorAll(".cursor");
    const points = JSON.parse(plot.dataset.points); // [step, mean, min, max, x]
    const unit = chart.dataset.unit ? " " + chart.dataset.unit : "";
    let at = -1;
    const read = (i) => {
      at = i;
      const [step, mean, min, max, x] = points[i];
      const range = max > min ? ` (${text(min)} to ${text(max)})` : "";
      readout.textContent = `step ${text(step)}: ${text(mean)}${unit}${range}`;
      for (const c of cursors) c.setAttribute("d", `M${x} 0v1000`);
    };
    const leave = () => {
      at = -1;
      readout.textContent = readout.dataset.rest;
      for (const c of cursors) c.setAttribute("d", "");
    };
    if (!points.length) continue;
    plot.addEventListener("pointermove", (e) => {
      const box = plot.getBoundingClientRect();
      const x = 1000 * (e.clientX - box.left) / box.width;
      let best = 0;
      points.forEach((p, i) => { if (Math.abs(p[4] - x) < Math.abs(points[best][4] - x)) best = i; });
      read(best);
    });
    plot.addEventListener("pointerleave", leave);
    plot.addEventListener("blur", leave);
    plot.addEventListener("keydown", (e) => {
      const last = points.length - 1, from = at < 0 ? last : at;
      const to = { ArrowLeft: at < 0 ? last : from - 1, ArrowRight: at < 0 ? last : from + 1, PageDown: from - 10, PageUp: from + 10, Home: 0, End: last }[e.key];
      if (e.key === "Escape") return leave();
      if (to === undefined) return;
      e.preventDefault();
      read(Math.min(last, Math.max(0, to)));
    });
  }
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;

  for (const section of document.querySelectorAll(".samples")) {
    const slider = section.querySelector(".slider");
    if (!slider) continue;
    slider.hidden = false;
    const input = slider.querySelector("input"), output = slider.querySelector("output");
    const frames = section.querySelectorAll(".frame");
    const pick = () => {
      const i = Number(input.value);
      frames.forEach((f, j) => show(f, i === j));
      output.textContent = frames[i].dataset.step;
      input.setAttribute("aria-valuetext", frames[i].dataset.step);
    };
    input.addEventListener("input", pick);
    pick();
  }

  const theme = document.getElementById("theme"), themes = ["system", "light", "dark"];
  const keep = (v) => { try { return v ? localStorage.setItem("x2vec-theme", v) : localStorage.getItem("x2vec-theme"); } catch { return null; } };
  const set = (v) => {
    if (v === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = v;
    theme.textContent = "Theme: " + v;
  };
  theme.hidden = false;
  set(themes.includes(keep()) ? keep() : "system");
  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(theme.textContent.slice(7)) + 1) % 3];
    set(next);
    keep(next);
  });
})();
