// What every page does when it has script: a form is sent once, errors get the focus, addresses can be copied.
// A text is counted as people type it: a line end is one character, and so is one beyond the first 65,536.
const over = (text) => [...text.value.trim()].length - text.dataset.limit;
function count(text) {
  const more = over(text);
  const words = more > 0 ? text.dataset.over.replace("#", more) : -more <= text.dataset.limit / 10 ? text.dataset.left.replace("#", -more) : "";
  let said = text.nextElementSibling;
  if (!said?.matches(".count")) {
    if (!words) return;
    said = document.createElement("p");
    said.className = "count";
    said.setAttribute("aria-live", "polite");
    text.after(said);
  }
  said.classList.toggle("wrong", more > 0);
  said.textContent = words;
}
document.addEventListener("input", (event) => { if (event.target.matches("[data-limit]")) count(event.target); });
for (const text of document.querySelectorAll("[data-limit]")) if (text.value) count(text);
document.addEventListener("submit", (event) => {
  const form = event.target;
  const long = [...form.querySelectorAll("[data-limit]")].find((text) => text.offsetParent && over(text) > 0);
  if (long) { event.preventDefault(); event.stopImmediatePropagation(); count(long); long.focus(); return; }
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method === "get" || form.hasAttribute("hx-post")) return;
  form.dataset.sent = "yes";
  const button = event.submitter;
  if (button) button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
  }
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = button.dataset.done;
});
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
const errors = document.querySelector(".errors");
if (errors) errors.focus();
