// What moves: parts of a page that are taken anew when its run has moved on, the
// button that stops a run, and words that are asked for.
(() => {
  const connection = document.getElementById("connection"), address = document.body.dataset.events;
  const say = (text, lost) => {
    connection.textContent = text;
    connection.classList.toggle("lost", !!lost);
  };

  // Parts of the page by their id, as the server last gave them.
  const parts = () => [...document.querySelectorAll('[id^="part-"]')];
  const given = new Map(parts().map((p) => [p.id, p.outerHTML]));
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(await answer.text());
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of parts()) {
      const part = page.getElementById(old.id);
      if (!part || given.get(old.id) === part.outerHTML) continue;
      given.set(old.id, part.outerHTML);
      place(old, document.adoptNode(part));
    }
    x2vec.update(page);
    const map = document.getElementById("section-map"), newer = page.getElementById("section-map");
    if (map && newer && map.dataset.src !== newer.dataset.src) {
      map.replaceWith(document.adoptNode(newer));
      x2vec.map();
    }
    x2vec.sliders();
  };
  // place puts a part where its older self stood, and keeps what a person has done there.
  const place = (old, part) => {
    const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
    const slides = [...old.querySelectorAll(".slider input")].map((i) => [i.id, i.value, i.value === i.max]);
    const open = [...old.querySelectorAll("details[open]")].map((d) => [...old.querySelectorAll("details")].indexOf(d));
    const tables = [...old.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    old.replaceWith(part);
    x2vec.sliders();
    for (const [id, value, last] of slides) {
      const input = document.getElementById(id);
      if (!input || last) continue;
      input.value = value;
      input.dispatchEvent(new Event("input"));
    }
    open.forEach((i) => part.querySelectorAll("details")[i]?.setAttribute("open", ""));
    part.querySelectorAll(".scroll").forEach((s, i) => { s.scrollLeft = tables[i] || 0; });
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  };

  // One page is asked for at a time, and there is a pause behind each.
  let busy = false, again = false;
  const changed = async () => {
    if (busy) { again = true; return; }
    busy = true;
    const began = performance.now();
    try {
      await refresh();
      say("Follows what is written, as it is written.");
    } catch (err) {
      say("The page could not be brought up to date: " + err.message, true);
    }
    setTimeout(() => {
      busy = false;
      if (again) { again = false; changed(); }
    }, Math.max(500, 4 * (performance.now() - began)));
  };

  let source = null;
  const follow = () => {
    if (!address || source) return;
    source = new EventSource(x2vec.list ? address + "?since=" + x2vec.list.since() : address);
    source.addEventListener("open", () => say("Follows what is written, as it is written."));
    source.addEventListener("message", (e) => {
      const news = JSON.parse(e.data);
      if (news.error) say(news.error, true);
      else if (x2vec.list) x2vec.list.take(news);
      else changed();
    });
    source.addEventListener("error", () => {
      say("The server does not answer; this page shows what it last said.", true);
      if (source.readyState === EventSource.CLOSED) { // for good: it is tried anew
        source = null;
        setTimeout(follow, 5000);
      }
    });
  };
  // A page that nobody sees asks for nothing; browsers allow few open lines.
  const watch = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else follow();
  };
  document.addEventListener("visibilitychange", watch);
  watch();

  document.addEventListener("click", async (e) => {
    const b = e.target.closest("button[data-post]");
    if (!b) return;
    if (!b.dataset.sure) { // a second press means it
      b.dataset.sure = "yes";
      const was = b.textContent;
      b.textContent = "Really stop? Press again";
      setTimeout(() => { delete b.dataset.sure; b.textContent = was; }, 5000);
      return;
    }
    b.disabled = true;
    try {
      const answer = await fetch(b.dataset.post, { method: "POST" });
      if (!answer.ok) throw new Error(await answer.text());
      changed();
    } catch (err) {
      say("The run was not stopped: " + err.message, true);
      b.disabled = false;
    }
  });

  const ask = document.getElementById("section-words");
  if (ask) {
    const answer = ask.querySelector(".answer");
    const make = (name, text) => { const e = document.createElement(name); e.textContent = text; return e; };
    const forms = [...ask.querySelectorAll("form")];
    const word = (text) => {
      const b = make("button", text);
      b.type = "button";
      b.addEventListener("click", () => { forms[0].elements.near.value = text; show(forms[0]); });
      return b;
    };
    const show = async (form) => {
      const q = new URLSearchParams(new FormData(form));
      for (const v of q.values()) if (!v.trim()) return;
      answer.replaceChildren(make("p", "…"));
      try {
        const got = await fetch(ask.dataset.src + "?" + q);
        if (!got.ok) throw new Error(await got.text());
        const said = await got.json();
        if (said.error) {
          const p = make("p", said.error + (said.near ? "; near it are " : "."));
          for (const w of said.near || []) p.append(word(w), " ");
          answer.replaceChildren(p);
          return;
        }
        const list = document.createElement("ol");
        for (const n of said.words) {
          const li = document.createElement("li");
          li.append(word(n.word), " ", make("small", n.cosine.toFixed(3)));
          list.append(li);
        }
        const what = q.get("near") ? `Nearest to ${q.get("near")}, with their cosines` : `${q.get("a")} is to ${q.get("b")} as ${q.get("c")} is to`;
        answer.replaceChildren(make("p", what + ":"), list);
      } catch (err) {
        answer.replaceChildren(make("p", err.message));
      }
    };
    for (const f of forms) {
      f.hidden = false;
      f.addEventListener("submit", (e) => { e.preventDefault(); show(f); });
    }
  }
})();
