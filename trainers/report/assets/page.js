// Sample sliders and theme. Everything is there without this script; it only adds
// the moving parts.
(() => {
  const sliders = () => {
    for (const section of document.querySelectorAll(".samples")) {
      const slider = section.querySelector(".slider");
      if (!slider || !slider.hidden) continue;
      slider.hidden = false;
      const input = slider.querySelector("input"), output = slider.querySelector("output");
      const sets = [...section.querySelectorAll(".frames")].map((f) => [...f.querySelectorAll(".frame")]);
      const pick = () => {
        const part = Number(input.max) ? Number(input.value) / Number(input.max) : 1;
        let said = "";
        for (const frames of sets) {
          const at = Math.round(part * (frames.length - 1));
          frames.forEach((f, i) => f.classList.toggle("away", i !== at));
          said ||= frames[at].dataset.step;
        }
        if (sets.length > 1) said = Math.round(100 * part) + " % of what was drawn";
        output.textContent = said;
        input.setAttribute("aria-valuetext", said);
      };
      input.addEventListener("input", pick);
      pick();
    }
  };
  x2vec.sliders = sliders;
  sliders();
  x2vec.begin();
  x2vec.map();

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
