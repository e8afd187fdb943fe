"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const value = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.number === undefined ? cell.textContent.trim() : Number(cell.dataset.number);
  };
  const rank = (one) => (typeof one === "number" ? 0 : one === "" || one === "–" ? 2 : 1);
  const compare = (a, b, sign) => {
    const gap = rank(a) - rank(b);
    if (gap) return gap;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row, place), row]);
      rows.sort((a, b) => compare(a[0], b[0], falling ? -1 : 1));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}
for (const figure of document.querySelectorAll(".slider")) {
  const input = figure.querySelector("input"), above = figure.querySelector(".above");
  const show = () => { above.style.clipPath = `inset(0 ${100 - input.value}% 0 0)`; };
  input.addEventListener("input", show);
  show();
}
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
