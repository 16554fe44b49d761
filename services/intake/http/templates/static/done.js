// After filing: forget the draft, ask for the owner until it is known, print.
sessionStorage.removeItem("redress-file");
(async () => {
  const owner = document.getElementById("owner");
  if (!owner || !owner.dataset.ask) return;
  for (let pause = 250; pause < 3000; pause *= 1.6) {
    await new Promise((ready) => { setTimeout(ready, pause); });
    const answer = await fetch(owner.dataset.ask).then((response) => response.ok ? response.json() : {}).catch(() => ({}));
    if (answer.owner) { owner.textContent = answer.owner; return; }
  }
  owner.textContent = owner.dataset.later;
})();
const print = document.getElementById("print");
if (print) { print.hidden = false; print.addEventListener("click", () => window.print()); }
