// The desk by keyboard: j and k move through the list, Enter opens (it is a link), / searches. Nothing works only here.
const links = () => [...document.querySelectorAll(".queue .what a")];
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "/") {
    const search = document.getElementById("q");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
    return;
  }
  if (event.key !== "j" && event.key !== "k") return;
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)));
  event.preventDefault();
  all[next].focus();
});
// A refreshed list keeps the place of the keyboard.
let held = null;
document.addEventListener("htmx:beforeSwap", () => { held = document.activeElement?.closest(".queue") ? document.activeElement.getAttribute("href") : null; });
document.addEventListener("htmx:afterSwap", () => { if (held) document.querySelector(`.queue a[href="${held}"]`)?.focus(); });
// An open page asks for changes while somebody can see it.
const asking = document.querySelector("[data-every]");
if (asking) setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new Event("refresh")); }, 1000 * asking.dataset.every);
