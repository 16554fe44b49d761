// Keys of the call form: Alt+1…4 to a section, Ctrl+Enter onward, Esc back. Everything works without them.
addEventListener("keydown", (event) => {
  const press = (id) => { const button = document.getElementById(id); if (button) { event.preventDefault(); button.click(); } };
  if (event.altKey && /^[1-4]$/.test(event.key)) {
    const first = document.querySelector(`[data-part="${event.key}"]`);
    if (first) { event.preventDefault(); first.focus(); }
  } else if (event.ctrlKey && event.key === "Enter") press("go");
  else if (event.key === "Escape") press("back");
});
// Browsers heed autofocus at a later frame and lose what is typed until then; links have no autofocus at all.
if (document.activeElement === document.body) document.querySelector("[autofocus], [data-focus]")?.focus();
// A number that is there from the start (a draft, a form that came back) is looked up like one that is typed.
addEventListener("load", () => {
  const known = document.getElementById("known");
  if (known && ["phone", "email"].some((id) => document.getElementById(id)?.value)) known.dispatchEvent(new Event("filled"));
});
