// What staff have typed and not sent stays in this tab (sessionStorage) over a reload, a language switch and a sign-in.
// It goes with sign-out, with another user, with what it was for being done, and with the tab.
(() => {
  const place = "redress-draft:";
  const user = document.body.dataset.user || "";
  const signingIn = "signingIn" in document.body.dataset;
  const shift = 12 * 3600 * 1000;
  const read = (key) => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };
  const drafts = () => Object.keys(sessionStorage).filter((key) => key.startsWith(place));
  const forget = () => drafts().forEach((key) => sessionStorage.removeItem(key));

  for (const key of drafts()) {
    const kept = read(key);
    if (signingIn) continue;  // whoever comes back finds theirs, anybody else takes them away
    if (!kept || !user || kept.user !== user || Date.now() - kept.at > shift) sessionStorage.removeItem(key);
  }
  for (const done of document.querySelectorAll("[data-draft-done]")) sessionStorage.removeItem(place + done.dataset.draftDone);
  for (const kind of ["click", "submit"]) {
    document.addEventListener(kind, (event) => {
      const leaving = kind === "click" ? event.target.closest("a[href]")?.getAttribute("href") : event.target.getAttribute("action");
      if (leaving && URL.canParse(leaving, location.href) && new URL(leaving, location.href).pathname.endsWith("/sign-out")) forget();
    });
  }

  // The key that makes a form act once stays with its words; what the page says of the case does not.
  const own = (input) => input.name && input.type !== "submit" && (input.type !== "hidden" || input.name === "key");
  const typed = (form) => [...form.elements].filter((input) => own(input) && input.value !== input.dataset.default
    && (!["radio", "checkbox"].includes(input.type) || input.checked)).map((input) => [input.name, input.value]);
  function save(form) {
    try { sessionStorage.setItem(place + form.dataset.draft, JSON.stringify({ user, at: Date.now(), typed: typed(form) })); } catch { /* private mode */ }
  }
  function fill(form, kept) {
    // A choice that is not offered any more goes into the words beside it.
    for (const list of form.querySelectorAll("[data-otherwise]")) {
      const [, chosen] = kept.find(([name]) => name === list.name) ?? [];
      const other = kept.find(([name]) => name === list.dataset.otherwise) ?? ["", ""];
      if (chosen && [...list.options].every((option) => option.value !== chosen)) kept = [[list.dataset.otherwise, [chosen, other[1]].filter(Boolean).join(" · ")], ...kept.filter((one) => one !== other)];
    }
    for (const input of form.elements) {
      if (!own(input)) continue;
      const found = kept.filter(([name]) => name === input.name).map(([, value]) => value);
      if (["radio", "checkbox"].includes(input.type)) input.checked = found.includes(input.value);
      else if (found.length) input.value = found[0];
      if (found.length && input.type !== "hidden") for (let fold = input.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      if (found.length) input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const kept = read(place + form.dataset.draft);
    if (form.hasAttribute("data-filled")) save(form);
    else if (kept) { fill(form, kept.typed); if (form.dataset.restored) offer(form); }
    form.addEventListener("input", () => save(form));
    form.addEventListener("change", () => save(form));
  }
  function offer(form) {
    const said = document.createElement("p");
    said.className = "notice info restored";
    said.setAttribute("role", "status");
    said.append(`${form.dataset.restored} `);
    const afresh = document.createElement("button");
    afresh.type = "button";
    afresh.className = "second";
    afresh.textContent = form.dataset.afresh;
    afresh.addEventListener("click", () => { sessionStorage.removeItem(place + form.dataset.draft); location.href = form.dataset.fresh; });
    said.append(afresh);
    form.before(said);
  }

  // htmx asked for something without a session: say so, and leave the page as it is.
  document.addEventListener("signed-out", () => { const said = document.getElementById("signed-out"); if (said) said.hidden = false; });
  document.querySelector("form[data-onward]")?.requestSubmit();
  // What was done is said once, not again after a reload.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) { here.searchParams.delete("done"); history.replaceState(history.state, "", here); }
})();
