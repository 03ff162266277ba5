"use strict";
// The table of runs: sorted by a click on a heading, filtered, drawn a page at a time.
(() => {
  const PAGE = 100;
  const find = (id) => document.getElementById(id);
  const { columns, numeric, choices, rows } = JSON.parse(find("run-data").textContent);
  const head = find("run-table").tHead.rows[0];
  const body = find("run-table").tBodies[0];
  const more = find("run-more");
  const search = find("run-search");
  const collator = new Intl.Collator("en", { numeric: true });

  const show = (value) => {
    if (value === null) return "";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    const rounded = Number(value.toPrecision(4));
    const size = Math.abs(rounded);
    return size >= 1e-3 && size < 1e6 ? String(rounded) : rounded.toExponential();
  };
  // What can be read in a row is what the search reads.
  const words = rows.map((row) => row.map(show).join("\n").toLowerCase());

  const lists = choices.map((name) => {
    const column = columns.indexOf(name);
    const values = [...new Set(rows.map((row) => row[column]))]
      .filter((value) => value !== null)
      .sort((a, b) => collator.compare(a, b));
    const select = document.createElement("select");
    select.autocomplete = "off";
    select.append(
      new Option("all", ""),
      ...values.map((value, i) => new Option(show(value), String(i))),
    );
    const label = document.createElement("label");
    label.append(`${name} `, select);
    search.parentElement.parentElement.append(label);
    select.addEventListener("change", update);
    return { column, values, select };
  });

  let sorted = { column: -1, direction: 1 };
  let chosen = [];
  let shown = 0;

  const compare = (i, j) => {
    const a = rows[i][sorted.column];
    const b = rows[j][sorted.column];
    // What is missing comes last, in both directions.
    if (a === null || b === null) return (a === null) - (b === null);
    const order = numeric[sorted.column] ? a - b : collator.compare(a, b);
    return sorted.direction * order;
  };

  const headings = columns.map((name, column) => {
    const heading = document.createElement("th");
    heading.scope = "col";
    heading.setAttribute("aria-sort", "none");
    const button = document.createElement("button");
    button.type = "button";
    // Long names may break after an underscore.
    name.split(/(?<=_)/).forEach((part, i) => {
      if (i) button.append(document.createElement("wbr"));
      button.append(part);
    });
    button.addEventListener("click", () => {
      const again = sorted.column === column;
      sorted = { column, direction: again ? -sorted.direction : 1 };
      update();
    });
    if (numeric[column]) heading.className = "number";
    heading.append(button);
    head.append(heading);
    return heading;
  });

  function append() {
    const part = document.createDocumentFragment();
    for (const i of chosen.slice(shown, shown + PAGE)) {
      const line = document.createElement("tr");
      rows[i].forEach((value, column) => {
        const cell = line.insertCell();
        cell.textContent = show(value);
        cell.dataset.column = columns[column];
        if (typeof value === "number") cell.className = "number";
      });
      part.append(line);
    }
    body.append(part);
    shown = Math.min(shown + PAGE, chosen.length);
    const rest = chosen.length - shown;
    more.hidden = rest === 0;
    more.textContent = `Show ${Math.min(PAGE, rest)} more`;
    find("run-count").textContent =
      `${chosen.length} of ${rows.length} runs` +
      (rest ? `; the first ${shown} are shown` : "");
  }

  function update() {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = lists
      .filter(({ select }) => select.value !== "")
      .map(({ column, values, select }) => [column, values[Number(select.value)]]);
    chosen = rows
      .map((_, i) => i)
      .filter((i) => terms.every((term) => words[i].includes(term)))
      .filter((i) => wanted.every(([column, value]) => rows[i][column] === value));
    if (sorted.column >= 0) chosen.sort(compare);
    headings.forEach((heading, column) => {
      const order = sorted.direction > 0 ? "ascending" : "descending";
      heading.setAttribute("aria-sort", column === sorted.column ? order : "none");
    });
    body.replaceChildren();
    shown = 0;
    append();
  }

  search.addEventListener("input", update);
  more.addEventListener("click", append);
  update();
  find("run-browser").hidden = false;
})();
