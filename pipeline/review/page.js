// The review page: what comes next, keys, verdicts. Decisions go through the outbox, so that none is lost or doubled.

import { Outbox, ask, newKey } from "/outbox.js";
import { Player, unpackFlow, videoOf } from "/player.js";
import { listClips, listDisputes, showAgreement } from "/tables.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["review", "list", "disputes", "agreement"];
const page = {
  view: "review", upcoming: [], videos: new Map(), finished: new Set(), current: null, active: 0, chosen: new Set(),
  laid: { flow: false, scores: false }, begun: 0,
};
let session, reviewer, outbox, player;

const query = (values) => new URLSearchParams({ reviewer, ...values });
const say = (words) => { $("message").textContent = words; };

async function begin() {
  session = await ask("/api/session");
  $("run").textContent = session.run;
  document.title = `Review of ${session.run}`;
  reviewer = await whoReviews();
  $("reviewer").textContent = reviewer;
  outbox = new Outbox(`${session.run}:${reviewer}`, showOutbox);
  player = new Player($("stage"), showFrame, () => say("the clip does not load; trying again"));
  for (const name of ["flow", "scores"]) $(name).hidden = session.blind;
  $("reasons").append(...session.reasons.map(reasonButton));
  connect();
  await outbox.flush();
  await next();
}

async function whoReviews() {
  const known = new URLSearchParams(location.search).get("reviewer") || session.reviewer || sessionStorage.getItem("reviewer") || "";
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/.test(known)) return known;
  $("who").addEventListener("cancel", (event) => event.preventDefault());
  $("who").showModal();
  await new Promise((resolve) => $("who").addEventListener("close", resolve, { once: true }));
  sessionStorage.setItem("reviewer", $("name").value);
  return $("name").value;
}

function reasonButton(reason, place) {
  const button = document.createElement("button");
  button.type = "button";
  const key = document.createElement("kbd");
  key.textContent = place + 1;
  button.append(key, reason);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => toggleReason(place));
  return button;
}

// ---- what comes next

async function refill() {
  const told = await ask(`/api/queue?${query({})}`);
  $("progress").max = Math.max(told.total, 1);
  $("progress").value = told.done;
  $("counts").textContent = `${told.done} of ${told.total}`;
  page.upcoming = told.tasks.filter((task) => !page.finished.has(task.task));
  const wanted = new Set(page.upcoming.flatMap((task) => task.sides.map((side) => address(task, side))));
  for (const known of page.videos.keys()) if (!wanted.has(known)) page.videos.delete(known);
  for (const one of wanted) if (!page.videos.has(one)) page.videos.set(one, videoOf(one));
}

const address = (task, side) => `/media/${encodeURIComponent(reviewer)}/${task.task}/${side.side}`;

async function next() {
  try {
    await refill();
    if (page.upcoming.length) await show(page.upcoming[0]);
    else finish();
  } catch (error) {
    say(`${error.message}`);
    setTimeout(next, 1000);
  }
}

const decided = (task) => task.sides.every((side) => side.verdict);

// The next task is shown at once out of what was sent ahead; the server is asked for more meanwhile.
async function advance() {
  const done = page.current;
  page.finished.add(done.task);
  page.upcoming = page.upcoming.filter((one) => one !== done && !page.finished.has(one.task));
  if (page.upcoming.length) await show(page.upcoming[0]);
  await outbox.flush();
  if (page.current === done) await next();
  else await refill().catch(() => {});
}

async function show(task) {
  page.current = task;
  $("review").classList.remove("finished");
  page.active = Math.max(task.sides.findIndex((side) => !side.verdict), 0);
  page.laid = { flow: false, scores: false };
  clearSaid();
  const titles = { only: "", left: "left", right: "right" };
  const sides = task.sides.map((side) => ({ ...side, title: side.name || titles[side.side] }));
  const videos = task.sides.map((side) => page.videos.get(address(task, side)) || videoOf(address(task, side)));
  $("caption").textContent = task.caption;
  $("review").dataset.ready = "";
  const asked = performance.now();
  await player.show(sides, videos);
  if (page.current !== task) return; // undone or jumped meanwhile
  if ($("message").textContent.startsWith("the clip does not load")) say("");
  $("review").dataset.ready = task.task;
  $("review").dataset.readyMs = Math.round(performance.now() - asked);
  player.panes.forEach((pane, place) => pane.window.addEventListener("click", () => activate(place)));
  page.begun = performance.now();
  activate(page.active);
  player.play();
}

function finish() {
  page.current = null;
  $("review").classList.add("finished");
  player.stop();
  player.panes = [];
  $("stage").replaceChildren();
  $("caption").textContent = "";
  $("review").dataset.ready = "all";
  say("Everything is reviewed. Thank you. Disputes and agreement are above.");
}

function activate(place) {
  page.active = place;
  player.panes.forEach((pane, number) => {
    pane.figure.classList.toggle("active", number === place && player.panes.length > 1);
    pane.verdict.textContent = page.current.sides[number].verdict;
    pane.verdict.className = page.current.sides[number].verdict;
  });
}

// ---- verdicts

function toggleReason(place) {
  const [button, reason] = [$("reasons").querySelectorAll("button")[place], session.reasons[place]];
  const on = !page.chosen.has(reason);
  on ? page.chosen.add(reason) : page.chosen.delete(reason);
  button.setAttribute("aria-pressed", String(on));
  if (on && reason === "other") $("note").focus();
}

function clearSaid() {
  page.chosen.clear();
  $("note").value = "";
  for (const button of $("reasons").querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
}

async function decide(verdict) {
  const task = page.current;
  const seen = $("review").dataset.ready === task?.task;
  if (!task || decided(task) || (!seen && verdict !== "skip")) return;
  const side = task.sides[page.active];
  const said = { verdict, reasons: [...page.chosen], note: $("note").value, seconds: Math.min((performance.now() - page.begun) / 1000, 86400) };
  outbox.put("/api/decide", { key: newKey(), reviewer, task: task.task, side: side.side, ...said });
  side.verdict = verdict;
  say("");
  clearSaid();
  const open = task.sides.findIndex((one) => !one.verdict);
  page.begun = performance.now();
  if (open >= 0) activate(open);
  else await advance();
}

async function undo() {
  try {
    await outbox.flush();
    const undone = await outbox.put("/api/undo", { key: newKey(), reviewer });
    page.finished.delete(undone.task);
    await refill();
    if (undone.act === "adjudicate") return changeView("disputes");
    if (page.view !== "review") await changeView("review");
    await show(await ask(`/api/task?${query({ task: undone.task })}`));
    say("Undone: decide again.");
  } catch (error) {
    say(error.message);
  }
}

function showOutbox(count, problem) {
  $("outbox").hidden = !count;
  $("outbox").textContent = `${count} not yet saved`;
  if (problem) say(problem);
}

// ---- overlays

async function lay(name) {
  const task = page.current;
  if (!task || session.blind) return;
  page.laid[name] = !page.laid[name];
  $(name).setAttribute("aria-pressed", String(page.laid[name]));
  await Promise.all(task.sides.map(async (side, place) => {
    side.overlays ??= {};
    if (side[name] && !side.overlays[name]) side.overlays[name] = await overlay(name, task, side).catch((error) => { say(error.message); return null; });
    if (page.current === task) {
      player.lay(place, { flow: page.laid.flow ? side.overlays.flow : null, scores: page.laid.scores ? side.overlays.scores : null });
    }
  }));
}

async function overlay(name, task, side) {
  const path = `/api/${name}?${query({ task: task.task, side: side.side })}`;
  if (name === "scores") return ask(path);
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return unpackFlow(await answer.arrayBuffer());
}

// ---- playback

function showFrame(frame, frames, playing) {
  $("seek").max = frames - 1;
  if (document.activeElement !== $("seek") || playing) $("seek").value = frame;
  $("frame").textContent = `${frame + 1} / ${frames}`;
  $("play").textContent = playing ? "Pause" : "Play";
}

function speed(by) {
  const list = $("speed");
  list.selectedIndex = Math.min(Math.max(list.selectedIndex + by, 0), list.options.length - 1);
  player.setSpeed(Number(list.value));
}

const zoom = () => { $("zoom").textContent = `${player.setZoom(player.zoom + 1)}x`; };

// ---- views

async function changeView(view) {
  page.view = view;
  if (view !== "review") player.stop();
  for (const name of VIEWS) {
    $(name).hidden = name !== view;
    document.querySelector(`[data-view="${name}"]`).setAttribute("aria-pressed", String(name === view));
  }
  say("");
  try {
    await outbox.flush();
    if (view === "list") listClips($("list"), (await ask(`/api/list?${query({})}`)).tasks, jump);
    if (view === "disputes") listDisputes($("disputes"), (await ask("/api/disputes")).disputes, settle);
    if (view === "agreement") showAgreement($("agreement"), await ask("/api/agreement"));
    if (view === "review" && (!page.current || decided(page.current))) await next();
  } catch (error) {
    say(error.message);
  }
}

async function jump(task) {
  await changeView("review");
  await show(await ask(`/api/task?${query({ task })}`));
  if (decided(page.current)) say("You have decided here: this only shows it again.");
}

async function settle(clip, verdict, note, seconds) {
  await outbox.put("/api/adjudicate", { key: newKey(), reviewer, clip, verdict, note, seconds }).catch((error) => say(error.message));
  await changeView("disputes");
}

// ---- keys and buttons

function connect() {
  const clicks = {
    play: () => player.toggle(), back: () => player.step(-1), forward: () => player.step(1), zoom,
    flow: () => lay("flow"), scores: () => lay("scores"), undo,
    approve: () => decide("approve"), reject: () => decide("reject"), skip: () => decide("skip"),
    "help-open": () => $("help").showModal(),
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("seek").addEventListener("input", () => { player.stop(); player.seek(Number($("seek").value)); });
  $("speed").addEventListener("change", () => {
    player.setSpeed(Number($("speed").value));
    $("review").focus({ preventScroll: true }); // or the keys would go on choosing a speed
  });
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => changeView(button.dataset.view));
  document.addEventListener("keydown", press);
  // A button that was clicked would keep the focus, and the next space would press it again.
  $("review").addEventListener("click", (event) => { if (event.detail && event.target.closest("button")) $("review").focus({ preventScroll: true }); });
}

const KEYS = {
  ArrowLeft: () => player.step(-1), ArrowRight: () => player.step(1),
  ArrowUp: () => other(-1), ArrowDown: () => other(1),
  ",": () => speed(-1), ".": () => speed(1), z: zoom, f: () => lay("flow"), p: () => lay("scores"),
  a: () => decide("approve"), r: () => decide("reject"), s: () => decide("skip"), n: () => $("note").focus(),
};

function other(by) {
  const count = page.current?.sides.length || 0;
  if (count > 1) activate((page.active + by + count) % count);
}

// The letter, or the one that stands there on a Latin keyboard where the layout is another.
function keyOf(event) {
  if (event.key.length > 1) return event.key;
  const latin = /^Key([A-Z])$/.exec(event.code);
  return (latin && event.key.charCodeAt(0) > 127 ? latin[1] : event.key).toLowerCase();
}

function press(event) {
  const at = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (at instanceof HTMLInputElement && at.type !== "range") {
    if (event.key === "Enter" || event.key === "Escape") at.blur();
    return;
  }
  const key = keyOf(event);
  if (key === "?") return $("help").showModal();
  if (key === "u") { event.preventDefault(); return undo(); }
  if (page.view !== "review" || at instanceof HTMLSelectElement) return;
  if (key === " ") {
    if (at instanceof HTMLButtonElement) return; // space presses the button that has the focus
    event.preventDefault();
    return player.toggle();
  }
  const act = /^[1-9]$/.test(key) && Number(key) <= session.reasons.length ? () => toggleReason(Number(key) - 1) : KEYS[key];
  if (!act || (event.repeat && !key.startsWith("Arrow"))) return;
  event.preventDefault();
  act();
}

begin().catch((error) => say(error.message));
