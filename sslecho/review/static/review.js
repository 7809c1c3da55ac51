// The review page. Every action is one POST; what the server answers was saved before it answered.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const csrf = $('meta[name="csrf"]').content;
// The one place where HTML comes in: pages of this server, whose templates escape what people typed.
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("page", { createHTML: (html) => html })
  : { createHTML: (html) => html };

// ---- Saving -----------------------------------------------------------------------------------------------------

function say(message, kind = "") {
  const status = $("#status");
  status.className = kind;
  status.textContent = message;
}

let queue = Promise.resolve(); // one action after the other, in the order in which they were asked for

function act(action, { stay = false } = {}) {
  queue = queue.then(() => send(action, stay));
  return queue;
}

async function send(action, stay) {
  say("Saving …", "busy");
  let answer;
  try {
    const response = await fetch("/do", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(action),
    });
    const text = await response.text();
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { error: text };
    }
    if (!response.ok) {
      say(`Not saved: ${answer.error}`, "failed");
      return null;
    }
  } catch {
    say("Not saved: the server does not answer. Is sslecho review still running?", "failed");
    return null;
  }
  $("#summary").textContent = answer.summary;
  $(".bought progress").value = answer.coverage;
  $('[data-do="undo"]').disabled = !answer.undo;
  $('[data-do="redo"]').disabled = !answer.redo;
  if (!stay) await refresh();
  say(`${action.do === "export" ? "" : "Saved: "}${answer.said}`);
  return answer;
}

// Draw the page anew in place, so that one stays where one was.
async function refresh() {
  const response = await fetch(location.href);
  const page = new DOMParser().parseFromString(policy.createHTML(await response.text()), "text/html");
  const focused = keyOf(document.activeElement); // now: one may have gone on since the page was asked for
  player.stop();
  for (const selector of ["#main", ".bought progress", "#names"]) {
    $(selector).replaceWith(document.adoptNode($(selector, page)));
  }
  document.title = page.title;
  const again = focused && $(focused);
  if (again) {
    if (again.matches("[data-item]")) rove(again);
    again.focus({ preventScroll: true });
  }
  begin();
}

function keyOf(element) {
  if (element?.dataset?.item && element.matches("li")) return `li[data-item="${element.dataset.item}"]`;
  if (element?.dataset?.nameOf) return `[data-name-of="${element.dataset.nameOf}"]`;
  return null;
}

async function saveName(input) {
  if (input.value.trim() === input.defaultValue) return true;
  const answer = await act({ do: "name", group: Number(input.dataset.nameOf), name: input.value }, { stay: true });
  input.setAttribute("aria-invalid", String(answer === null));
  if (answer === null) return false;
  input.value = input.defaultValue = input.value.trim();
  input.closest(".cluster")?.classList.toggle("named", input.value !== "");
  if (input.value && !$$("#names option").some((option) => option.value === input.value)) {
    const option = document.createElement("option");
    option.value = input.value;
    $("#names").append(option);
  }
  if (document.body.dataset.page === "group") await refresh();
  return true;
}

// ---- Marking ----------------------------------------------------------------------------------------------------

const tiles = () => $$('[role="option"]');
const marked = () => tiles().filter((tile) => tile.getAttribute("aria-selected") === "true");
let anchor = null;

function mark(tile, on) {
  tile.setAttribute("aria-selected", String(on));
  count();
}

function markTo(tile) {
  const all = tiles();
  const [from, to] = [all.indexOf(anchor && all.includes(anchor) ? anchor : tile), all.indexOf(tile)].sort((a, b) => a - b);
  all.slice(from, to + 1).forEach((one) => mark(one, true));
}

function rove(tile) {
  tiles().forEach((one) => (one.tabIndex = one === tile ? 0 : -1));
}

function count() {
  const selection = $("[data-selection]");
  if (selection) {
    const n = marked().length;
    selection.hidden = n === 0;
    $(".count", selection).textContent = `${n} marked`;
    $("[data-open]", selection).disabled = n !== 1;
  }
  const merging = $("[data-merge]");
  if (merging) {
    const n = $$("[data-mark]:checked").length;
    merging.hidden = n === 0;
    $(".count", merging).textContent = n === 1 ? "1 cluster marked: mark another to merge" : `${n} clusters marked`;
    $("button.primary", merging).disabled = n < 2;
  }
}

// What an action is of: the marked tiles, else the one in focus, else the item of the page.
function subjects() {
  const one = $("[data-one]");
  if (one) return [Number(one.dataset.one)];
  const chosen = marked().length ? marked() : tiles().filter((tile) => tile === document.activeElement);
  return chosen.map((tile) => Number(tile.dataset.item));
}

function onSubjects(action) {
  const items = subjects();
  if (!items.length) return say("Mark at least one picture first", "failed");
  return act({ ...action, items });
}

function onAll(action) {
  const acts = $(".acts[data-group]");
  return act({ do: action, group: Number(acts.dataset.group), show: acts.dataset.show });
}

function splitOff() {
  return onSubjects({ do: "split", group: Number($("[data-selection]").dataset.group) });
}

function go(href) {
  if (href) location.assign(href);
}

// ---- The clip ---------------------------------------------------------------------------------------------------

const player = {
  figure: null, frames: [], at: 0, timer: 0, fps: 25,

  async begin(figure) {
    this.stop();
    this.figure = figure;
    this.frames = [];
    const clip = await (await fetch(`/clip/${figure.dataset.item}.json`)).json();
    if (this.figure !== figure) return;
    this.fps = clip.fps;
    this.frames = clip.frames.map((row) => ({ row, picture: null }));
    this.at = clip.frames.indexOf(clip.at);
    $("input", figure).max = this.frames.length - 1;
    const single = this.frames.length < 2;
    for (const control of $$("button, input, select", figure)) control.disabled = single;
    await this.show(this.at);
    if (single) return;
    await Promise.all(this.frames.map((_, index) => this.load(index)));
    if (this.figure === figure && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
  },

  load(index) {
    const frame = this.frames[index];
    frame.picture ??= new Promise((resolve) => {
      const picture = new Image();
      picture.onload = () => resolve(picture);
      picture.onerror = () => resolve(null);
      picture.src = `/frame/${frame.row}.png`;
    });
    return frame.picture;
  },

  async show(index) {
    const { figure } = this;
    this.at = (index + this.frames.length) % this.frames.length;
    const picture = await this.load(this.at);
    if (!picture || figure !== this.figure) return;
    const canvas = $("canvas", figure);
    if (canvas.width !== picture.naturalWidth || canvas.height !== picture.naturalHeight) {
      canvas.width = picture.naturalWidth;
      canvas.height = picture.naturalHeight;
    }
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.dataset.frame = String(this.at);
    $("input", figure).value = this.at;
    $(".count", figure).textContent = `frame ${this.at + 1} of ${this.frames.length}`;
  },

  play() {
    if (this.frames.length < 2) return;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.show(this.at + 1), 1000 / (this.fps * Number($("[data-speed]", this.figure).value)));
    $("[data-play]", this.figure).textContent = "Stop";
  },

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    if (this.figure) $("[data-play]", this.figure).textContent = "Play";
  },

  toggle() {
    if (this.timer) this.stop();
    else this.play();
  },

  step(by) {
    this.stop();
    this.show(this.at + by);
  },
};

// ---- Mouse and fields -------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, a[data-skip]");
  const tile = event.target.closest('[role="option"]');
  if (tile) {
    rove(tile);
    tile.focus({ preventScroll: true });
    if (event.shiftKey) markTo(tile);
    else mark(tile, tile.getAttribute("aria-selected") !== "true");
    anchor = tile;
    return;
  }
  if (!button || button.disabled) return;
  const { dataset } = button;
  if (dataset.do) act({ do: dataset.do }, { stay: dataset.do === "export" });
  else if (dataset.items) onSubjects({ do: dataset.items });
  else if (dataset.all) onAll(dataset.all);
  else if ("halve" in dataset) act({ do: "split", group: Number($(".acts[data-group]").dataset.group) });
  else if ("split" in dataset) splitOff();
  else if ("open" in dataset) go(`/item/${subjects()[0]}`);
  else if (dataset.answer) answer(JSON.parse(dataset.answer));
  else if (dataset.undoTo) act({ do: "undo_to", event: Number(dataset.undoTo) });
  else if ("unmark" in dataset) unmark();
  else if ("help" in dataset) $("#help").showModal();
  else if ("play" in dataset) player.toggle();
});

document.addEventListener("dblclick", (event) => {
  const tile = event.target.closest('[role="option"]');
  if (tile) go(`/item/${tile.dataset.item}`);
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches("[data-go]")) {
    const address = new URL(location.href);
    address.searchParams.set(field.name, field.value);
    address.searchParams.delete("page");
    go(address);
  } else if (field.dataset.nameOf) saveName(field);
  else if (field.matches("[data-mark]")) count();
  else if (field.matches("[data-speed]") && player.timer) player.play();
});

document.addEventListener("input", (event) => {
  if (event.target.matches('.player input[type="range"]')) {
    player.stop();
    player.show(Number(event.target.value));
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  event.preventDefault();
  const name = form.elements.name?.value;
  if ("merge" in form.dataset) merge();
  else if ("selection" in form.dataset) onSubjects({ do: "label", name });
  else if (form.dataset.labelItem) act({ do: "label", items: [Number(form.dataset.labelItem)], name });
  else if ("draw" in form.dataset) draw(Number(form.elements.errors.value));
});

function merge() {
  const form = $("[data-merge]");
  const groups = $$("[data-mark]:checked").map((box) => Number(box.value));
  if (groups.length < 2) return say("Mark at least two clusters to merge", "failed");
  const name = form.elements.name.value.trim();
  return act({ do: "merge", groups, ...(name ? { name } : {}) });
}

async function draw(errors) {
  if (await act({ do: "draw_audit", errors }, { stay: true })) go("/audit");
}

async function answer(right) {
  const acts = $("[data-place]");
  const saved = await act({ do: "answer", place: Number(acts.dataset.place), right }, { stay: true });
  if (saved) go(right !== null && acts.dataset.next ? `/audit?at=${acts.dataset.next}` : `/audit?at=${acts.dataset.place}`);
}

function unmark() {
  marked().forEach((tile) => mark(tile, false));
  $$("[data-mark]:checked").forEach((box) => (box.checked = false));
  count();
}

// ---- Keys -------------------------------------------------------------------------------------------------------

function columns() {
  const all = tiles();
  const next = all.findIndex((tile) => tile.offsetTop !== all[0].offsetTop);
  return next < 0 ? all.length : next;
}

function moveTile(event) {
  const all = tiles();
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
  const from = all.indexOf(document.activeElement);
  if (step === undefined || !all.length) return false;
  const to = from < 0 ? 0 : from + step;
  if (to < 0 || to >= all.length) return from >= 0;
  if (event.shiftKey && from >= 0) mark(all[from], true);
  rove(all[to]);
  all[to].focus();
  if (event.shiftKey) mark(all[to], true);
  anchor = all[to];
  return true;
}

function moveCard(by) {
  const all = $$(".cluster");
  const from = all.indexOf(document.activeElement.closest(".cluster"));
  const card = all[Math.min(all.length - 1, Math.max(0, from < 0 ? 0 : from + by))];
  $("h2 a", card)?.focus();
}

const KEYS = {
  all: {
    u: () => act({ do: "undo" }),
    U: () => act({ do: "redo" }),
    "?": () => $("#help").showModal(),
    "[": () => go($('a[rel="prev"]')?.href),
    "]": () => go($('a[rel="next"]')?.href),
    Escape: unmark,
  },
  overview: {
    n: () => ($$("[data-name-of]").find((input) => !input.value) ?? $("[data-name-of]"))?.focus(),
    j: () => moveCard(1),
    k: () => moveCard(-1),
    x: () => {
      const box = $("[data-mark]", document.activeElement.closest(".cluster") ?? document.createElement("p"));
      if (box) box.checked = !box.checked;
      count();
    },
    m: merge,
  },
  group: {
    a: () => onSubjects({ do: "accept" }),
    r: () => onSubjects({ do: "reject" }),
    c: () => onSubjects({ do: "clear" }),
    A: () => onAll("accept"),
    R: () => onAll("reject"),
    s: splitOff,
    h: () => $("[data-halve]").click(),
    l: () => {
      const [tile] = tiles().filter((one) => one === document.activeElement);
      if (!marked().length && tile) mark(tile, true);
      if (marked().length) $("[data-selection] input").focus();
    },
    n: () => $("[data-name-of]").focus(),
    "{": () => go($('a[rel="prev-group"]')?.href),
    "}": () => go($('a[rel="next-group"]')?.href),
  },
  item: {
    a: () => onSubjects({ do: "accept" }),
    r: () => onSubjects({ do: "reject" }),
    c: () => onSubjects({ do: "clear" }),
    l: () => $("[data-label-item] input").focus(),
    " ": () => player.toggle(),
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
    Backspace: () => go($('a[rel="up"]')?.href),
  },
  audit: {
    y: () => $('[data-answer="true"]')?.click(),
    n: () => $('[data-answer="false"]')?.click(),
    s: () => go($("[data-skip]")?.href),
    " ": () => player.toggle(),
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
  },
};

document.addEventListener("keydown", async (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("#help").open) return;
  const field = event.target;
  const page = document.body.dataset.page;
  if (field.matches('input[type="text"], select, input[type="range"]')) {
    if (event.key === "Escape") field.blur();
    if (event.key === "Enter" && field.dataset.nameOf) {
      event.preventDefault();
      if ((await saveName(field)) && page === "overview") {
        const all = $$("[data-name-of]");
        all.slice(all.indexOf(field) + 1).find((input) => !input.value)?.focus();
      }
    }
    return;
  }
  const tile = field.closest('[role="option"]');
  if (tile && (event.key === " " || event.key === "x")) {
    event.preventDefault();
    anchor = tile;
    return mark(tile, tile.getAttribute("aria-selected") !== "true");
  }
  if (tile && event.key === "Enter") return go(`/item/${tile.dataset.item}`);
  if (page === "group" && !field.matches("button, a") && moveTile(event)) return event.preventDefault();
  if (event.key === " " && field.matches("button, summary, input")) return; // the field's own
  const key = KEYS[page]?.[event.key] ?? KEYS.all[event.key];
  if (!key) return;
  event.preventDefault();
  key();
});

// ---- Begin ------------------------------------------------------------------------------------------------------

function begin() {
  count();
  const figure = $(".player");
  if (figure && $("canvas", figure)) player.begin(figure);
}

begin();
