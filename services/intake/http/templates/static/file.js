// The public form one question at a time, and a draft that survives a reload. Without this script it is one long page.
(() => {
  const form = document.getElementById("file");
  const store = "redress-file";
  const steps = [...form.querySelectorAll(".step")];
  const progress = document.getElementById("progress");
  const last = document.getElementById("last");
  let at = 0;

  const draft = () => Object.fromEntries([...new FormData(form)].filter(([name]) => name !== "action"));
  const save = () => { try { sessionStorage.setItem(store, JSON.stringify({ at, typed: draft() })); } catch { /* private mode */ } };
  const load = () => { try { return JSON.parse(sessionStorage.getItem(store)); } catch { return null; } };

  function fill(typed) {
    // A choice that is not offered any more goes into the words beside it.
    for (const list of form.querySelectorAll("[data-otherwise]")) {
      const other = list.dataset.otherwise;
      if ([...list.options].every((option) => option.value !== (typed[list.name] ?? ""))) typed[other] = [typed[list.name], typed[other]].filter(Boolean).join(" · ");
    }
    for (const input of form.elements) {
      if (!input.name || input.type === "submit" || input.type === "button") continue;
      if (input.type === "radio") input.checked = (typed[input.name] ?? "") === input.value;
      else if (input.type === "checkbox") input.checked = typed[input.name] === input.value;
      else if (typed[input.name] !== undefined) input.value = typed[input.name];
    }
  }

  function show(next, focus) {
    at = Math.max(0, Math.min(next, steps.length - 1));
    steps.forEach((step, number) => { step.hidden = number !== at; });
    last.hidden = at !== steps.length - 1;
    const said = progress.dataset.pattern.replace("@", at + 1).replace("#", steps.length + 1);
    progress.querySelector("span").textContent = `${said} · ${steps[at].dataset.name}`;
    progress.querySelectorAll("li").forEach((bar, number) => { bar.className = number < at ? "past" : number === at ? "now" : ""; });
    save();
    if (focus) { steps[at].focus({ preventScroll: true }); scrollTo(0, 0); }
  }

  function missing(step) {
    const input = step.dataset.need && form.elements[step.dataset.need];
    if (!input) return false;
    if (over(input) > 0) { count(input); input.focus(); return true; }
    if (input.value.trim()) return false;
    const field = input.closest(".field");
    field.classList.add("has-error");
    if (!field.querySelector(".wrong")) {
      const wrong = document.createElement("p");
      wrong.className = "wrong";
      wrong.id = `${input.id}-error`;
      wrong.textContent = step.dataset.wrong;
      input.before(wrong);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${wrong.id}`.trim());
    }
    input.focus();
    return true;
  }

  function go(next) {
    if (next > at && missing(steps[at])) return;
    history.pushState({ step: next }, "");
    show(next, true);
  }

  progress.hidden = false;
  progress.innerHTML = `<span></span><ol aria-hidden="true">${"<li></li>".repeat(steps.length + 1)}</ol>`;
  form.classList.add("stepping");
  steps.forEach((step, number) => {
    step.tabIndex = -1;
    const bar = document.createElement("p");
    bar.className = "actions";
    if (number < steps.length - 1) bar.append(button(form.dataset.continue, "big", () => go(number + 1)));
    if (number > 0) bar.append(button(form.dataset.back, "second", () => history.back()));
    if (number < steps.length - 1) step.append(bar);
    else last.append(...bar.childNodes);
  });

  // To a step that is not the next one: each between has its place in the history, or Back would leave the page for one
  // with what was typed before.
  function jump(step, field) {
    if (step < at) {
      addEventListener("popstate", () => field.focus(), { once: true });
      history.go(step - at);
      return;
    }
    for (let between = at + 1; between <= step; between += 1) history.pushState({ step: between }, "");
    show(step, false);
    field.focus();
  }

  function button(words, kind, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = kind;
    made.textContent = words;
    made.addEventListener("click", press);
    return made;
  }

  const kept = load();
  const wrong = steps.findIndex((step) => step.querySelector(".has-error"));
  let start = Number(form.dataset.step || 1) - 1;
  if (!form.dataset.filled && kept) { fill(kept.typed); start = kept.at; }
  else if (form.dataset.filled && !form.dataset.step) start = steps.length - 1;
  if (wrong >= 0) start = wrong;
  // Each step has its place in the history, so that the phone's own back button goes one question back.
  history.replaceState({ step: 0 }, "");
  for (let step = 1; step <= start; step += 1) history.pushState({ step }, "");
  show(start, false);

  addEventListener("popstate", (event) => show(event.state?.step ?? 0, true));
  form.addEventListener("input", save);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=submit])") && at < steps.length - 1) { event.preventDefault(); go(at + 1); }
  });
  for (const link of document.querySelectorAll(".errors a")) {
    link.addEventListener("click", (event) => {
      const field = document.getElementById(link.hash.slice(1));
      const step = steps.findIndex((one) => one.contains(field));
      if (step < 0) return;
      event.preventDefault();
      jump(step, field);
    });
  }
})();
