"use strict";
// A reader chooses what is shown, goes through it step by step, and points at symbols.
// Without this script the page is read as it was written.
(() => {
  const root = document.documentElement;
  const found = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const visible = (element) => element.checkVisibility();
  const controls = one(".controls"), stepper = one(".stepper"), card = one(".card");

  // --- what is shown ---------------------------------------------------------------------

  const choose = {
    language(value) {
      root.lang = value;
      const title = found("h1 > [lang]").find((words) => words.lang === value);
      if (title) document.title = title.textContent;
    },
    notation(value) { root.dataset.notation = value; },
    theme(value) { root.dataset.theme = value; },
    level(value) {
      root.dataset.level = value;
      for (const moves of found(".moves")) moves.open = value === "all";
    },
  };

  controls.addEventListener("change", ({ target }) => {
    choose[target.name](target.value);
    if (current && !steps().includes(current)) leave();
    current?.scrollIntoView({ block: "nearest" });
    showPosition();
  });

  // --- steps -----------------------------------------------------------------------------

  let current = null;
  const steps = () =>
    found(root.dataset.level === "all" ? ".entry, .move" : ".entry").filter(
      (step) => visible(step.matches(".move") ? step.closest(".entry") : step)
        && (step.matches(".entry") || getComputedStyle(step).display !== "none"));

  function go(by) {
    const all = steps();
    const place = all.indexOf(current);
    const next = all[place < 0 ? (by > 0 ? 0 : all.length - 1) : place + by];
    if (!next) return;
    leave();
    current = next;
    const moves = current.closest(".moves");
    if (moves) moves.open = true;
    current.classList.add("current");
    current.setAttribute("aria-current", "step");
    if (!stepper.contains(document.activeElement)) current.focus({ preventScroll: true });
    (one(":scope > .aside", current) || current).scrollIntoView({ block: "nearest" });
    showPosition();
    light();
  }

  function leave() {
    current?.classList.remove("current");
    current?.removeAttribute("aria-current");
    current = null;
    showPosition();
    light();
  }

  function showPosition() {
    const all = steps(), place = all.indexOf(current);
    const output = one("output", stepper);
    output.classList.toggle("stepping", place >= 0);
    for (const number of found(".number", output)) number.textContent = place + 1;
    for (const count of found(".count", output)) count.textContent = all.length;
    one(".previous").disabled = place === 0;
    one(".next").disabled = place === all.length - 1;
  }

  // --- symbols ---------------------------------------------------------------------------

  // By the mouse, by the keyboard, by a tap.
  let pointed = "", focused = "", pinned = "";

  // A derivative is one symbol, whatever stands inside it.
  function nameAt(target) {
    const symbol = target.closest?.("[data-name]");
    const derivative = symbol?.closest("mfrac[data-name]");
    return (derivative || symbol)?.dataset.name || "";
  }

  function light() {
    const name = pointed || focused || pinned;
    const step = current?.closest("[data-subject]");
    for (const old of found(".lit")) old.classList.remove("lit");
    if (name) {
      const same = found(`[data-name="${CSS.escape(name)}"]`);
      for (const symbol of same) symbol.classList.add("lit");
      definition(name)?.classList.add("lit");
    } else if (step) {
      const own = CSS.escape(one(".number", step)?.dataset.name);
      const parts = found(`.node[data-name="${own}"], .edge[data-to="${own}"]`).filter(visible);
      for (const part of parts) part.classList.add("lit");
      center(parts.find((part) => part.matches(".node")));
    }
    showCard(name);
  }

  // The node of the current step is brought into view, the page stays where it is.
  function center(node) {
    if (!node) return;
    const box = node.closest(".scroll");
    const [inside, around] = [node, box].map((element) => element.getBoundingClientRect());
    box.scrollTop += (inside.top + inside.bottom - around.top - around.bottom) / 2;
    box.scrollLeft += (inside.left + inside.right - around.left - around.right) / 2;
  }

  const definition = (name) =>
    document.getElementById(one(`a[data-name="${CSS.escape(name)}"]`)?.hash.slice(1) || "");

  function showCard(name) {
    const defined = name && definition(name);
    card.replaceChildren();
    card.hidden = !defined;
    if (!defined) return;
    const about = document.createElement("p");
    for (const part of found(":scope > :is(a, math, .role), .aside > :is(.role, .shape)", defined)) {
      about.append(copied(part));
    }
    card.append(about);
    for (const form of found(":scope > .form > .chain, :scope > .form > .base", defined)) {
      if (visible(form)) card.append(copied(form));
    }
  }

  function copied(element) {
    const copy = element.cloneNode(true);
    copy.hidden = false;
    return copy;
  }

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "mouse" || card.contains(target)) return;
    const name = nameAt(target);
    if (name !== pointed) { pointed = name; light(); }
  });
  document.addEventListener("focusin", ({ target }) => { focused = nameAt(target); light(); });
  document.addEventListener("focusout", () => { focused = ""; light(); });
  document.addEventListener("click", ({ target }) => {
    if (card.contains(target) || controls.contains(target) || stepper.contains(target)) return;
    const name = nameAt(target);
    pinned = name === pinned ? "" : name;
    light();
  });

  // --- keys ------------------------------------------------------------------------------

  const by = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 };
  const scrolls = (element) => element !== document.body && element.scrollWidth > element.clientWidth;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input")) return;
    if (event.key.startsWith("Arrow") && scrolls(event.target)) return;
    if (event.key === "Escape") { pointed = focused = pinned = ""; leave(); }
    if (!by[event.key]) return;
    event.preventDefault();
    go(by[event.key]);
  });
  one(".previous").addEventListener("click", () => go(-1));
  one(".next").addEventListener("click", () => go(1));

  // --- LaTeX to copy ---------------------------------------------------------------------

  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches(".tex") || one(".copy", target)) return;
    target.append(one("#copy").content.cloneNode(true));
    one(".copy", target).addEventListener("click", () => copy(target));
  }, true);

  async function copy(tex) {
    const source = one("code", tex);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
    const [ready, done] = found(".ready, .done", tex);
    ready.hidden = true;
    done.hidden = false;
    setTimeout(() => { ready.hidden = false; done.hidden = true; }, 2000);
  }

  // A browser may remember what was chosen before the page was loaded again.
  controls.reset();
  // A link may say what is shown first: page.html?language=zh-CN&level=all
  for (const [name, value] of new URLSearchParams(location.search)) {
    const asked = found("input", controls).find((i) => i.name === name && i.value === value);
    if (!asked) continue;
    asked.checked = true;
    choose[name](value);
  }
  controls.hidden = stepper.hidden = false;
  showPosition();
})();
