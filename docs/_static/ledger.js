// The ledger's table: a heading sorts by its column, the field above leaves the rows that contain its words.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("ledger");
  if (!table) return;
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent;
      const compare = (a, b) => {
        const [x, y] = [Number(text(a)), Number(text(b))];
        return Number.isNaN(x) || Number.isNaN(y) ? text(a).localeCompare(text(b)) : x - y;
      };
      [...body.rows].sort((a, b) => (up ? compare(a, b) : compare(b, a))).forEach((row) => body.append(row));
    });
  });
  document.getElementById("ledger-filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of body.rows) {
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    }
  });
});
