"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const input = document.getElementById("search");
  const matches = document.getElementById("matches");
  const only = document.getElementById("only");

  // What storage does not keep, such as in a private window, is chosen again.
  const remembered = (theme) => {
    try {
      if (theme) localStorage.setItem("support-bundle-theme", theme);
      return localStorage.getItem("support-bundle-theme");
    } catch {
      return null;
    }
  };
  const before = remembered();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remembered(root.dataset.theme);
  });

  // Folded parts are closed again as they were when nothing is searched for any more.
  const opened = new Set();
  const open = (element) => {
    for (let folded = element.closest("details"); folded; folded = folded.parentElement.closest("details")) {
      if (!folded.open) {
        folded.open = true;
        opened.add(folded);
      }
    }
  };
  const close = () => {
    opened.forEach((folded) => { folded.open = false; });
    opened.clear();
  };

  const lines = all(".l");
  const items = all("[data-find]");
  const texts = new Map();
  const text = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severe = only !== null && only.checked;
    const found = (element) => words.every((word) => text(element).includes(word));
    let count = 0;
    close();
    for (const element of lines) {
      const isHit = found(element);
      element.hidden = !isHit || (severe && element.closest("#logs") && !element.matches(".e, .w"));
      if (words.length && !element.hidden) count += 1;
    }
    for (const element of items) {
      const isHit = found(element);
      element.hidden = !isHit;
      if (words.length && isHit) count += 1;
    }
    all(".gap").forEach((gap) => { gap.hidden = words.length > 0 || severe; });
    if (words.length) {
      all("main details").forEach((folded) => {
        if (folded.querySelector(".l:not([hidden]), [data-find]:not([hidden])")) open(folded.firstElementChild);
      });
    }
    all(".file").forEach((file) => { file.hidden = words.length > 0 && !file.querySelector(".l:not([hidden])"); });
    all("main > section").forEach((section) => {
      section.hidden = words.length > 0 && !section.querySelector(".l:not([hidden]), [data-find]:not([hidden])");
    });
    matches.textContent = words.length ? (count === 1 ? "1 match" : count + " matches") : "";
  };

  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const fragment = input.value ? "#q=" + encodeURIComponent(input.value) : location.pathname;
      try { history.replaceState(null, "", fragment); } catch { /* some browsers forbid it for files */ }
      filter();
    }, 120);
  });
  if (only) only.addEventListener("change", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== input) {
      event.preventDefault();
      input.focus();
    } else if (event.key === "Escape" && input.value) {
      input.value = "";
      input.dispatchEvent(new Event("input"));
    }
  });

  // What a link leads to may be folded away, or filtered out.
  const follow = () => {
    if (location.hash.startsWith("#q=")) {
      try { input.value = decodeURIComponent(location.hash.slice(3)); } catch { input.value = location.hash.slice(3); }
      filter();
      return;
    }
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.closest("[hidden]")) {
      input.value = "";
      if (only) only.checked = false;
      filter();
    }
    open(target.matches("details") ? target.firstElementChild : target);
    target.scrollIntoView({ block: target.matches(".l") ? "center" : "start" });
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#"]');
    // A second click on the same link changes no fragment.
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  follow();
})();
