// Keys for people who answer tickets all day: j and k walk the list, r and n start an answer, / searches, Ctrl+Enter sends.
// Every key does what a link, a field or a button on the page does, too.
(() => {
  "use strict";

  const isTyping = (target) => target.closest("input:not([type=radio]), textarea, select, [contenteditable]") !== null;

  const walk = (step) => {
    const items = [...document.querySelectorAll(".item")];
    const here = items.findIndex((item) => item === document.activeElement || item.contains(document.activeElement));
    const from = here >= 0 ? here : items.findIndex((item) => item.hasAttribute("aria-current"));
    const next = items[Math.min(Math.max(from + step, 0), items.length - 1)];
    next?.focus();
  };

  const startAnswer = (kind) => {
    const choice = document.querySelector(`.answer input[name=kind][value=${kind}]`);
    if (!choice) return;
    choice.checked = true;
    document.querySelector(".answer textarea").focus();
  };

  const actions = {
    j: () => walk(1),
    k: () => walk(-1),
    r: () => startAnswer("reply"),
    n: () => startAnswer("note"),
    "/": () => document.getElementById("search").select(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches(".answer textarea")) {
      const shown = [...event.target.form.querySelectorAll(".send button")].find((button) => button.offsetParent);
      event.target.form.requestSubmit(shown);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const act = actions[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // A click beside the account menu closes it, and so does Escape.
  const menu = document.querySelector(".menu");
  const closeMenu = () => menu?.removeAttribute("open");
  document.addEventListener("click", (event) => menu?.contains(event.target) || closeMenu());
  document.addEventListener("keyup", (event) => event.key === "Escape" && closeMenu());
})();
