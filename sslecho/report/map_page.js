"use strict";
// The map's page: colors, legend, hover, lasso, search, table and CSV. Bokeh draws; names are only ever set as text.
(() => {
  const MOST_IN_LEGEND = 300; // groups with a line of their own; the largest have one
  const ROWS = 50; // of the table at a time
  const MOST_ON_HOVER = 8; // columns that fit beside a picture

  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const codesOf = (column) => new { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[column.bytes](bytes(column.codes));
  for (const column of [data.clip, ...data.columns])
    if (column.kind === "scale") column.values = new Float32Array(bytes(column.values));
    else column.codes = codesOf(column);
  const frames = data.frames === null ? null : new Int32Array(bytes(data.frames));
  const pictureOf = new Map(data.pictureRows.map((row, place) => [row, place]));
  const dark = matchMedia("(prefers-color-scheme: dark)");

  let points, shown, spot, lasso, pan, plot, whole; // Bokeh's models
  let colored = data.columns.find((column) => column.name === data.color);
  let hidden = new Set(); // codes of the colored column
  let visible = null; // a byte a point, or null where all are
  let order = { column: null, down: false };
  let rows = []; // of the table, in its order
  let first = 0;
  let pointer = { x: 0, y: 0, pressed: false };

  // ---- values ----

  const valueOf = (column, row) => {
    if (column.kind === "scale") return Number.isNaN(column.values[row]) ? null : column.values[row];
    const code = column.codes[row];
    return code === 0 ? null : column.names[code - 1];
  };
  const short = (value) => (typeof value === "number" ? String(+value.toPrecision(4)) : value);
  const clipOf = (row) => valueOf(data.clip, row);
  const pictureAt = (row) =>
    pictureOf.has(row) ? "data:image/jpeg;base64," + data.pictures[pictureOf.get(row)] : null;
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // ---- colors and legend ----

  const number = (hex) => (parseInt(hex.slice(1), 16) * 256 + 255) >>> 0;
  const colorOfCode = (code) => (code === 0 ? data.nothing : data.palette[(code - 1) % data.palette.length]);

  function paint() {
    const colors = points.data.color;
    if (colored.kind === "scale") {
      const ramp = data.ramps[dark.matches ? "dark" : "light"];
      const wide = colored.high - colored.low || 1;
      for (let row = 0; row < data.n; row++) {
        const value = colored.values[row];
        const place = Math.round(((value - colored.low) / wide) * (ramp.length - 1));
        colors[row] = number(Number.isNaN(value) ? data.nothing : ramp[place]);
      }
      byId("bar").style.background = `linear-gradient(90deg, ${ramp.filter((_, i) => i % 15 === 0).join(", ")})`;
      byId("low").textContent = short(colored.low);
      byId("high").textContent = short(colored.high);
    } else {
      const table = Uint32Array.from({ length: colored.names.length + 1 }, (_, code) => number(colorOfCode(code)));
      for (let row = 0; row < data.n; row++) colors[row] = table[colored.codes[row]];
    }
    points.change.emit();
  }

  function drawLegend() {
    const isScale = colored.kind === "scale";
    byId("ramp").hidden = !isScale;
    byId("legend").hidden = byId("all").hidden = byId("none").hidden = isScale;
    byId("legend").replaceChildren();
    let hint = "";
    if (isScale) {
      if (colored.values.some(Number.isNaN)) hint = "Gray points have no value.";
    } else {
      const counts = new Array(colored.names.length + 1).fill(0);
      for (const code of colored.codes) counts[code]++;
      let codes = colored.names.map((_, place) => place + 1);
      if (codes.length > MOST_IN_LEGEND) {
        codes.sort((a, b) => counts[b] - counts[a]);
        hint = `The ${MOST_IN_LEGEND} largest of ${codes.length.toLocaleString("en")} groups; search finds the others. `;
        codes = codes.slice(0, MOST_IN_LEGEND);
      }
      if (counts[0]) codes.push(0);
      for (const code of codes) byId("legend").append(legendLine(code, counts[code]));
      if (colored.names.length > data.palette.length) hint += `Colors repeat after ${data.palette.length} groups. `;
      hint += "Click a name to hide or show it; double-click to see it alone.";
    }
    byId("legend-hint").textContent = hint;
  }

  function legendLine(code, count) {
    const line = element("li", null);
    const button = element("button", null, { "aria-pressed": String(!hidden.has(code)), "data-code": code });
    const dot = element("i", null, { "aria-hidden": "true" });
    dot.style.background = colorOfCode(code);
    button.append(
      dot,
      element("span", code === 0 ? "no value" : colored.names[code - 1]),
      element("small", count.toLocaleString("en")),
    );
    button.title = code === 0 ? "no value" : colored.names[code - 1];
    button.addEventListener("click", () => {
      if (!hidden.delete(code)) hidden.add(code);
      filter();
    });
    button.addEventListener("dblclick", () => {
      hidden = new Set(colored.names.map((_, place) => place + 1).concat(0));
      hidden.delete(code);
      filter();
    });
    line.append(button);
    return line;
  }

  function filter() {
    for (const button of byId("legend").querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(!hidden.has(Number(button.dataset.code))));
    visible = hidden.size === 0 ? null : Uint8Array.from(colored.codes, (code) => (hidden.has(code) ? 0 : 1));
    shown.booleans = visible === null ? null : Array.from(visible, Boolean);
    if (visible !== null && points.selected.indices.some((row) => !visible[row]))
      points.selected.indices = points.selected.indices.filter((row) => visible[row]);
  }

  // ---- hover ----

  function describe(row) {
    const lines = [clipOf(row) + (frames ? `, frame ${frames[row]}` : "")];
    for (const column of data.columns) {
      // Of clusters only those that color: a run has some of every k.
      if (column === colored || column.name === "clip_id" || /^(cluster|confidence)_\d/.test(column.name)) continue;
      const value = valueOf(column, row);
      if (value !== null) lines.push(`${column.said}: ${short(value)}`);
    }
    return lines.slice(0, MOST_ON_HOVER);
  }

  function hover(row) {
    const box = byId("hover");
    box.hidden = row === null || pointer.pressed;
    if (box.hidden) return;
    const picture = pictureAt(row);
    const image = box.querySelector("img");
    image.hidden = picture === null;
    if (picture !== null) image.src = picture;
    const name = valueOf(colored, row);
    box.querySelector("div").replaceChildren(
      element("b", name === null ? `no ${colored.said}` : colored.name === "label" ? name : `${colored.said}: ${short(name)}`),
      ...describe(row).map((line) => element("span", line)),
    );
    const { width, height } = box.getBoundingClientRect();
    box.style.left = Math.max(4, pointer.x + 18 + width > innerWidth ? pointer.x - width - 18 : pointer.x + 18) + "px";
    box.style.top = Math.max(4, Math.min(pointer.y - height / 2, innerHeight - height - 4)) + "px";
  }

  function inspected([, { geometry }]) {
    // The plot has no margins, so that a place on the screen is a share of the axes.
    const { x_range: across, y_range: up } = plot;
    const x = across.start + (geometry.sx / plot.inner_width) * (across.end - across.start);
    const y = up.end - (geometry.sy / plot.inner_height) * (up.end - up.start);
    let nearest = null;
    let least = Infinity;
    for (const row of points.inspected.indices) {
      const apart = (points.data.x[row] - x) ** 2 + (points.data.y[row] - y) ** 2;
      if (apart < least) [nearest, least] = [row, apart];
    }
    hover(nearest);
  }

  // ---- search ----

  function search(words) {
    const wanted = words.trim().toLowerCase();
    if (wanted === "") return select([]);
    const found = new Uint8Array(data.n);
    for (const column of [data.clip, ...data.columns]) {
      if (column.kind === "scale") continue;
      const hits = Uint8Array.from([0, ...column.names.map((name) => name.toLowerCase().includes(wanted))]);
      if (hits.includes(1)) for (let row = 0; row < data.n; row++) found[row] |= hits[column.codes[row]];
    }
    const matches = [];
    for (let row = 0; row < data.n; row++) if (found[row] && (visible === null || visible[row])) matches.push(row);
    select(matches);
    if (matches.length === 0) byId("status").textContent = `Nothing that is shown matches “${words.trim()}”.`;
  }

  const select = (chosen) => {
    points.selected.indices = chosen;
    tabulate();
  };

  // ---- table and CSV ----

  const fields = [
    { name: "clip_id", said: "clip", value: clipOf },
    ...(frames ? [{ name: "frame_index", said: "frame", value: (row) => frames[row] }] : []),
    ...data.columns
      .filter((column) => column.name !== "clip_id")
      .map((column) => ({ name: column.name, said: column.said, value: (row) => valueOf(column, row) })),
  ];

  function tabulate() {
    rows = Array.from(points.selected.indices);
    if (order.column !== null) {
      const key = order.column.value;
      const turn = order.down ? -1 : 1;
      const compare = (a, b) =>
        a === null || b === null ? (a === null) - (b === null) : (a < b ? -1 : a > b ? 1 : 0) * turn;
      rows.sort((a, b) => compare(key(a), key(b)) || a - b);
    }
    first = 0;
    const n = rows.length;
    byId("clear").disabled = byId("download").disabled = n === 0;
    byId("table").hidden = n === 0;
    byId("status").textContent =
      n === 0
        ? "Nothing is selected: draw around points with the lasso, click one, or search."
        : `${n.toLocaleString("en")} of ${data.n.toLocaleString("en")} points`;
    drawRows();
  }

  function drawRows() {
    byId("pages").hidden = rows.length <= ROWS;
    byId("earlier").disabled = first === 0;
    byId("later").disabled = first + ROWS >= rows.length;
    byId("place").textContent = `${first + 1} to ${Math.min(first + ROWS, rows.length)} of ${rows.length}`;
    const body = byId("table").querySelector("tbody");
    body.replaceChildren(...rows.slice(first, first + ROWS).map(drawRow));
    for (const [place, head] of [...byId("table").querySelectorAll("th[data-field]")].entries())
      head.setAttribute(
        "aria-sort",
        order.column !== fields[place] ? "none" : order.down ? "descending" : "ascending",
      );
    light(null);
  }

  function drawRow(row) {
    const line = element("tr", null, { tabindex: "0", "data-row": row });
    if (data.pictures.length) {
      const cell = element("td", null);
      const picture = pictureAt(row);
      if (picture !== null) cell.append(element("img", null, { src: picture, alt: "" }));
      line.append(cell);
    }
    for (const field of fields) {
      const value = field.value(row);
      line.append(element("td", value === null ? "" : short(value), value === null ? {} : { title: value }));
    }
    for (const event of ["mouseenter", "focus"]) line.addEventListener(event, () => light(row));
    for (const event of ["mouseleave", "blur"]) line.addEventListener(event, () => light(null));
    return line;
  }

  function light(row) {
    spot.data = row === null ? { x: [], y: [] } : { x: [points.data.x[row]], y: [points.data.y[row]] };
  }

  function drawHead() {
    const head = element("tr", null);
    if (data.pictures.length) head.append(element("th", null, { scope: "col", "aria-label": "picture" }));
    for (const field of fields) {
      const cell = element("th", null, { scope: "col", "data-field": field.name });
      const button = element("button", field.said);
      button.addEventListener("click", () => {
        order = { column: field, down: order.column === field && !order.down };
        tabulate();
      });
      cell.append(button);
      head.append(cell);
    }
    byId("table").querySelector("thead").append(head);
  }

  // A spreadsheet takes text that begins so for a formula; an apostrophe before it says that it is text.
  const isFormula = /^[\s"']*[=+\-@\t\r\n|%]/;

  function cell(value) {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = isFormula.test(value) ? "'" + value : value;
    return /[",;\r\n\t']/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function csv() {
    // `frame` as labels.csv has it, so that the file can be given to --labels; a clip's row has no frame.
    const place = frames ? (row) => frames[row] : () => null;
    const all = [
      { name: "clip_id", value: clipOf },
      { name: "frame_index", value: place },
      ...fields.filter((field) => !["clip_id", "frame_index"].includes(field.name)),
      ...(frames ? [{ name: "frame", value: place }] : []),
    ];
    const lines = rows.map((row) => all.map((field) => cell(field.value(row))).join(","));
    return [all.map((field) => cell(field.name)).join(","), ...lines].join("\r\n") + "\r\n";
  }

  function download() {
    const address = URL.createObjectURL(new Blob(["\ufeff" + csv()], { type: "text/csv;charset=utf-8" }));
    const link = element("a", null, { href: address, download: "selection.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // ---- start ----

  function drag(withLasso) {
    (withLasso ? lasso : pan).active = true; // which turns the other off
    byId("lasso").setAttribute("aria-pressed", String(withLasso));
    byId("move").setAttribute("aria-pressed", String(!withLasso));
  }

  function wire() {
    points.inspect.connect(inspected);
    points.selected.properties.indices.change.connect(tabulate);
    const follow = (event) => (pointer = { x: event.clientX, y: event.clientY, pressed: event.buttons !== 0 });
    for (const event of ["pointermove", "pointerdown", "pointerup"]) addEventListener(event, follow, { capture: true });
    byId("map").addEventListener("pointerleave", () => hover(null));
    dark.addEventListener("change", paint);
    byId("color").addEventListener("change", (event) => {
      colored = data.columns.find((column) => column.name === event.target.value);
      hidden = new Set();
      paint();
      drawLegend();
      filter();
    });
    byId("all").addEventListener("click", () => {
      hidden = new Set();
      filter();
    });
    byId("none").addEventListener("click", () => {
      hidden = new Set(colored.names.map((_, place) => place + 1).concat(0));
      filter();
    });
    byId("move").addEventListener("click", () => drag(false));
    byId("lasso").addEventListener("click", () => drag(true));
    byId("reset").addEventListener("click", () => {
      [plot.x_range, plot.y_range].forEach((range, place) => range.setv(whole[place]));
    });
    let waiting;
    byId("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => search(event.target.value), 150);
    });
    byId("clear").addEventListener("click", () => {
      byId("search").value = "";
      select([]);
    });
    byId("download").addEventListener("click", download);
    byId("earlier").addEventListener("click", () => {
      first -= ROWS;
      drawRows();
    });
    byId("later").addEventListener("click", () => {
      first += ROWS;
      drawRows();
    });
  }

  // WebGL that is imitated by software takes many times longer than drawing without it.
  function hasGraphicsProcessor() {
    const context = document.createElement("canvas").getContext("webgl");
    const info = context && context.getExtension("WEBGL_debug_renderer_info");
    const name = context && context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER);
    return Boolean(context) && !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  async function start() {
    const item = JSON.parse(byId("plot").textContent);
    if (!hasGraphicsProcessor()) item.doc.roots[0].attributes.output_backend = "canvas";
    await Bokeh.embed.embed_item(item, "map");
    const page = Bokeh.documents[0];
    [points, shown, spot, lasso, pan, plot] = ["points", "shown", "spot", "lasso", "pan", "plot"].map((name) =>
      page.get_model_by_name(name),
    );
    whole = [plot.x_range, plot.y_range].map(({ start, end }) => ({ start, end }));
    wire();
    drawHead();
    paint();
    drawLegend();
    tabulate();
    document.body.dataset.ready = "yes";
  }

  start();
})();
