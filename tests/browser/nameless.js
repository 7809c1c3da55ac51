// Controls that have no name for those who can't see them.
() => [...document.querySelectorAll(
  "button, input, select, a[href], canvas, progress, [role=option], [role=listbox]")]
  .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
  .filter((e) => !(e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim() || e.textContent.trim()))
  .map((e) => e.outerHTML.slice(0, 120))
