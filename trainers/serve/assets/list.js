// The list of runs: sort, filter, choose, and move on while runs are at work.
x2vec.list = (() => {
  const form = document.getElementById("runs");
  if (!form) return null;
  const $ = (id) => document.getElementById(id);
  const body = form.querySelector("tbody"), heads = [...form.querySelectorAll("thead th")];
  const filter = $("filter"), state = $("state"), sort = $("sort"), all = $("all");
  let by = 0, down = false; // the column that is sorted by

  // The state of the page is kept in its address, so that it can be sent and comes back.
  const keep = () => {
    const q = new URLSearchParams();
    if (filter.value) q.set("q", filter.value);
    if (state.value) q.set("state", state.value);
    if (by || down) q.set("sort", (down ? "-" : "") + by);
    history.replaceState(null, "", "?" + q);
  };
  const rows = () => [...body.rows];
  const cell = (row, i) => row.cells[i + 1]; // behind the box to choose by
  const value = (row, i) => (i ? cell(row, i).dataset.sort : row.dataset.id);

  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const arrange = () => {
    const number = heads[by].hasAttribute("data-number") || heads[by].hasAttribute("data-high");
    const sorted = rows().sort((a, b) => {
      const x = value(a, by), y = value(b, by);
      if (number && (x === "") !== (y === "")) return x === "" ? 1 : -1; // nothing comes last
      const d = number ? Number(x) - Number(y) : compare(x, y);
      return (down ? -d : d) || compare(a.dataset.id, b.dataset.id);
    });
    if (sorted.some((r, i) => body.rows[i] !== r)) {
      const focus = document.activeElement;
      body.append(...sorted);
      if (body.contains(focus)) focus.focus({ preventScroll: true });
    }
    heads.forEach((h, i) => {
      if (i === by) h.setAttribute("aria-sort", down ? "descending" : "ascending");
      else h.removeAttribute("aria-sort");
    });
    sort.value = (down ? "-" : "") + by;
  };
  const sift = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows()) {
      const tags = row.dataset.tags.toLowerCase().split(" ");
      const fits = (w) => (w[0] === "#" ? tags.includes(w.slice(1)) : row.dataset.text.includes(w) || tags.includes(w));
      row.hidden = !(words.every(fits) && (!state.value || row.dataset.state === state.value));
      if (!row.hidden) n++;
    }
    $("shown").textContent = n === body.rows.length ? "" : `${n.toLocaleString("en")} of ${body.rows.length.toLocaleString("en")} shown`;
    mark();
    choose();
  };
  // mark finds the best figure of each column among the runs that are shown, where all
  // that have it learn the same from the same data: else it says nothing.
  const mark = () => {
    const seen = rows().filter((r) => !r.hidden);
    heads.forEach((h, i) => {
      if (!h.dataset.better) return;
      const having = seen.filter((r) => value(r, i) !== ""), values = having.map((r) => Number(value(r, i)));
      const fair = new Set(having.map((r) => r.dataset.task)).size === 1 && new Set(values).size > 1;
      const best = h.dataset.better === "lower" ? Math.min(...values) : Math.max(...values);
      for (const r of rows()) cell(r, i).classList.toggle("best", fair && value(r, i) !== "" && Number(value(r, i)) === best);
    });
  };
  const choose = () => {
    const n = form.querySelectorAll("tbody input:checked").length;
    $("compare").disabled = n < 2;
    $("chosen").textContent = n ? `${n} chosen` : "Choose two or more to compare them.";
    const boxes = rows().filter((r) => !r.hidden).map((r) => r.querySelector("input"));
    all.checked = boxes.length > 0 && boxes.every((b) => b.checked);
    all.indeterminate = !all.checked && boxes.some((b) => b.checked);
  };
  const order = (i, reverse) => {
    by = i;
    down = reverse;
    arrange();
    keep();
  };

  const begin = () => {
    heads.forEach((h, i) => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = h.textContent;
      const high = h.hasAttribute("data-high") || h.dataset.better === "higher";
      b.addEventListener("click", () => order(i, by === i ? !down : high));
      if (h.hasAttribute("data-number")) h.classList.add("number");
      for (const reverse of high ? [true, false] : [false, true]) {
        const o = document.createElement("option");
        o.value = (reverse ? "-" : "") + i;
        o.textContent = h.textContent + (reverse ? " ↓" : " ↑");
        sort.append(o);
      }
      h.replaceChildren(b);
    });
    form.querySelector(".tools").hidden = false;
    all.hidden = false;
    const q = new URLSearchParams(location.search), s = q.get("sort");
    filter.value = q.get("q") || "";
    state.value = q.get("state") || "";
    if (s !== null && /^-?\d+$/.test(s) && Math.abs(s) < heads.length) { by = Math.abs(s); down = s[0] === "-"; }
    filter.addEventListener("input", () => { sift(); keep(); });
    state.addEventListener("change", () => { sift(); keep(); });
    sort.addEventListener("change", () => order(Math.abs(sort.value), sort.value[0] === "-"));
    all.addEventListener("change", () => {
      for (const r of rows()) if (!r.hidden) r.querySelector("input").checked = all.checked;
      choose();
    });
    body.addEventListener("change", choose);
    body.addEventListener("click", (e) => {
      const tag = e.target.closest(".tag");
      if (!tag) return;
      const word = "#" + tag.dataset.tag;
      filter.value = filter.value.split(/\s+/).includes(word) ? filter.value.replace(word, "").trim() : (filter.value + " " + word).trim();
      sift();
      keep();
    });
    arrange();
    sift();
  };

  // take puts newer rows in the place of the old ones.
  const take = (news) => {
    if (news.columns !== form.dataset.columns) { // others have come
      location.reload();
      return;
    }
    form.dataset.gen = news.gen;
    $("count").textContent = news.count;
    const known = new Map(rows().map((r) => [r.dataset.id, r]));
    for (const [id, html] of news.rows) {
      const t = document.createElement("template");
      t.innerHTML = html;
      const row = t.content.firstElementChild, old = known.get(id);
      if (!old) {
        body.append(row);
        continue;
      }
      row.querySelector("input").checked = old.querySelector("input").checked;
      const at = [...old.querySelectorAll("a, button, input")].indexOf(document.activeElement);
      old.replaceWith(row);
      if (at >= 0) row.querySelectorAll("a, button, input")[at]?.focus({ preventScroll: true });
    }
    if (news.order) {
      const there = new Set(news.order);
      for (const [id, row] of known) if (!there.has(id)) row.remove();
    }
    const states = [...new Set(rows().map((r) => r.dataset.state))].sort();
    if (states.join() !== [...state.options].slice(1).map((o) => o.value).join()) {
      const was = state.value;
      state.replaceChildren(state.options[0], ...states.map((s) => new Option(s, s)));
      state.value = was;
    }
    $("empty").hidden = body.rows.length > 0;
    arrange();
    sift();
  };
  begin();
  return { take, since: () => form.dataset.gen };
})();
