// The page: words on it, clicks and keys, what was corrected kept, everything put together.

const byId = (id) => document.getElementById(id);
const dataOf = (id) => JSON.parse(byId(id).textContent);

/** Heard words by how sure the recogniser was of them; corrected ones; "" for all others. */
function kindOf(token) {
  if (token.state !== "heard") return token.state;
  const {confidence} = token;
  if (confidence === null || confidence === undefined) return "";
  return confidence < setting.doubtful ? "doubtful" : confidence < setting.unsure ? "unsure" : "";
}

const isDoubtful = (token) => ["doubtful", "unsure"].includes(kindOf(token));

const setting = dataOf("setting");
const transcript = new Transcript(dataOf("record"), setting.subtitles);
const sound = new Sound(setting.sound, byId("audio"));
const main = byId("text");
const places = new WeakMap(); // a word's element → its token
let homes = new Map(); // token → its segment
let chosen = null; // the token that keys act on
let follows = true; // the page scrolls along with the sound

const player = new Player(sound, transcript.record.duration ?? 0, lightUp);
const editor = new Editor(player, {
  apply: applyCorrection,
  closed: () => chosen?.element?.focus({preventScroll: true}),
  next: () => goToDoubt(1),
});
const saving = new SaveDialog(transcript, sound, {
  name: safeName(setting.name),
  recording: setting.sound.name,
  saved: () => (unsaved = false),
  askForRecording,
});

// ---- words

/** A segment's words as elements, in place of those that were there. */
function drawSegment(segment) {
  const holder = segment.element;
  const parts = [];
  for (const flag of segment.flags) {
    const mark = document.createElement("span");
    mark.className = "flag";
    mark.textContent = flag;
    parts.push(mark);
  }
  for (const token of segment.tokens) {
    const word = document.createElement("span");
    word.className = `word ${kindOf(token)}`;
    word.textContent = token.shown;
    if (isDoubtful(token)) word.title = `${Math.round(token.confidence * 100)} % sure`;
    token.element = word;
    places.set(word, token);
    parts.push(word, " ");
  }
  holder.replaceChildren(...parts);
}

function drawAll() {
  const fragment = document.createDocumentFragment();
  for (const segments of transcript.paragraphs()) {
    const section = document.createElement("section");
    section.className = transcript.hasWritten ? "paragraph" : "paragraph lines";
    const margin = document.createElement("div");
    margin.className = "margin";
    const time = document.createElement("button");
    time.type = "button";
    time.className = "time";
    time.textContent = shortClock(segments[0].start);
    time.setAttribute("aria-label", `Play from ${time.textContent}`);
    time.onclick = () => playFrom(segments[0].start);
    const check = document.createElement("button");
    check.type = "button";
    check.className = "check";
    check.title = "Heard, and right";
    check.setAttribute("aria-label", `Passage at ${time.textContent}: heard, and right`);
    check.append(icon("M5 12.5l4.5 4.5L19 7.5"));
    check.onclick = () => toggleCheck(segments);
    margin.append(time, check);
    const text = document.createElement("p");
    text.dir = "auto";
    text.lang = setting.language;
    for (const segment of segments) {
      segment.element = document.createElement("span");
      segment.element.className = "segment";
      segment.check = check;
      segment.neighbours = segments;
      drawSegment(segment);
      text.append(segment.element);
    }
    showCheck(segments);
    section.append(margin, text);
    fragment.append(section);
  }
  if (!fragment.childNodes.length) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "No words were heard in this recording.";
    fragment.append(empty);
  }
  main.replaceChildren(fragment);
}

function icon(path) {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(name, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function showCheck(segments) {
  const checked = segments.every((segment) => segment.checked);
  segments[0].check.setAttribute("aria-pressed", String(checked));
}

/** Words changed: the order for the player, the counts, the map and the draft follow. */
function refresh() {
  homes = new Map();
  for (const segment of transcript.segments) {
    for (const token of segment.tokens) homes.set(token, segment);
  }
  player.tokens = transcript.tokens();
  const doubts = player.tokens.filter(isDoubtful).length;
  const known = player.tokens.some((token) => Number.isFinite(token.confidence));
  byId("doubts").hidden = !known;
  byId("count").textContent = doubts.toLocaleString("en");
  byId("doubt-count").setAttribute("aria-label", `Marks of ${several(doubts, "doubtful word")}`);
  byId("doubt-before").disabled = byId("doubt-after").disabled = !doubts;
  byId("undo").disabled = !transcript.done.length;
  byId("redo").disabled = !transcript.undone.length;
  byId("facts").textContent = [
    shortClock(transcript.record.duration ?? 0),
    several(player.tokens.length, "word"),
    `model ${transcript.record.model}`,
    ...transcript.record.flags,
  ].join(" · ");
  if (!chosen || !homes.has(chosen)) choose(player.tokens[0] ?? null, false);
  player.drawMap(kindOf);
}

/** Make a word the one that keys act on; it alone is in the order of the Tab key. */
function choose(token, focus = true) {
  if (chosen?.element) {
    chosen.element.classList.remove("chosen");
    for (const name of ["tabindex", "role", "aria-label"]) chosen.element.removeAttribute(name);
  }
  chosen = token;
  if (!token) return;
  const {element} = token;
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.setAttribute("aria-label", `${describe(token)}, Enter corrects`);
  if (!focus) return;
  element.classList.add("chosen");
  element.focus({preventScroll: true});
  if (!isInView(element)) element.scrollIntoView({block: "center"});
}

function isInView(element) {
  const {top, bottom} = element.getBoundingClientRect();
  return top > 80 && bottom < byId("player").getBoundingClientRect().top - 20;
}

function lightUp(token, playing) {
  main.querySelector(".lit")?.classList.remove("lit");
  if (!token?.element) return;
  token.element.classList.add("lit");
  if (playing && follows && !isInView(token.element)) {
    token.element.scrollIntoView({block: "center"});
  }
}

// ---- corrections

let unsaved = false;
const draftKey = `las ${setting.fingerprint}`;

/** After a change: draw it, keep it. */
function changed(segments) {
  for (const segment of segments) {
    if (!segment.element) continue;
    drawSegment(segment);
    showCheck(segment.neighbours);
  }
  unsaved = transcript.isChanged;
  refresh();
  player.lit = null;
  player.tick();
  try {
    const draft = transcript.draft();
    if (Object.keys(draft).length) localStorage.setItem(draftKey, JSON.stringify(draft));
    else localStorage.removeItem(draftKey);
  } catch {
    // Where the browser keeps nothing, leaving with corrections asks first all the same.
  }
}

function applyCorrection(segment, at, typed, count) {
  const order = player.tokens.indexOf(segment.tokens[at]);
  if (!transcript.correct(segment, at, typed, count)) return;
  changed([segment]);
  choose(player.tokens[Math.min(order, player.tokens.length - 1)] ?? null);
  announce(typed.trim() ? `Now “${typed.trim()}”.` : "Deleted.");
}

function toggleCheck(segments) {
  const checked = !segments.every((segment) => segment.checked);
  transcript.check(segments, checked);
  changed(segments);
  announce(checked ? "The passage is marked as right." : "The mark is taken back.");
}

function travel(forward) {
  const segments = forward ? transcript.redo() : transcript.undo();
  if (!segments.length) return;
  changed(segments);
  const segment = segments[0];
  choose(segment.tokens[0] ?? chosen, false);
  if (segment.element && !isInView(segment.element)) {
    segment.element.scrollIntoView({block: "center"});
  }
  announce(forward ? "Done again." : "Undone.");
}

function announce(sentence) {
  byId("status").textContent = sentence;
}

function restoreDraft() {
  let draft = null;
  try {
    draft = JSON.parse(localStorage.getItem(draftKey));
    if (draft) transcript.restore(draft);
  } catch {
    return; // a draft that makes no sense is none
  }
  byId("restored").hidden = !draft;
  unsaved = draft !== null;
}

byId("discard").onclick = () => {
  try {
    localStorage.removeItem(draftKey);
  } catch {
    // nothing was kept
  }
  unsaved = false;
  location.reload();
};

window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

// ---- going about

function playFrom(seconds) {
  setFollowing(true);
  player.seek(seconds);
  player.play();
}

function edit(token) {
  if (!token) return;
  choose(token);
  editor.open(homes.get(token), token);
}

/** The doubtful word after (1) or before (-1) the chosen one, round the ends. */
function goToDoubt(direction) {
  const {tokens} = player;
  const from = tokens.indexOf(chosen);
  for (let step = 1; step <= tokens.length; step++) {
    const token = tokens[(from + direction * step + 2 * tokens.length) % tokens.length];
    if (!isDoubtful(token)) continue;
    player.seek(Math.max(0, token.start - 0.05));
    choose(token);
    return;
  }
}

function goToWord(direction) {
  const {tokens} = player;
  const token = tokens[tokens.indexOf(chosen) + direction];
  if (!token) return;
  player.seek(token.start);
  choose(token);
}

function setFollowing(on) {
  follows = on;
  byId("follow").hidden = on || !player.isPlaying;
}

main.addEventListener("click", (event) => {
  const token = places.get(event.target.closest?.(".word"));
  // Whoever marks text with the mouse wants to copy it.
  if (!token || !getSelection().isCollapsed) return;
  if (token === chosen && token.element.classList.contains("chosen")) {
    edit(token);
    return;
  }
  choose(token);
  playFrom(token.start);
});
for (const kind of ["wheel", "touchmove"]) {
  window.addEventListener(kind, () => player.isPlaying && setFollowing(false), {passive: true});
}
byId("follow").onclick = () => {
  setFollowing(true);
  player.lit?.element?.scrollIntoView({block: "center"});
};
byId("audio").addEventListener("pause", () => (byId("follow").hidden = true));

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: () => player.seek(player.time - SKIP),
  ArrowRight: () => player.seek(player.time + SKIP),
  Enter: () => edit(chosen),
};
const LETTER_KEYS = {
  e: () => edit(player.isPlaying ? player.lit ?? chosen : chosen),
  n: () => goToDoubt(1),
  p: () => goToDoubt(-1),
  c: () => chosen && toggleCheck(homes.get(chosen).neighbours),
  "<": () => player.faster(-1),
  ">": () => player.faster(1),
  "?": () => byId("help-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  const {key, target} = event;
  const control = event.ctrlKey || event.metaKey;
  if (control && key.toLowerCase() === "s") {
    event.preventDefault();
    if (!byId("save-dialog").open) saving.open();
    return;
  }
  if (document.querySelector("dialog[open]") || event.altKey) return;
  const types = target.closest("input:not([type=range]), select, textarea");
  if (control && !types && ["z", "y"].includes(key.toLowerCase())) {
    event.preventDefault();
    travel(key.toLowerCase() === "y" || event.shiftKey);
    return;
  }
  if (types || control) return;
  // A focused button or the slider keeps the keys that work it.
  const works = target.closest("button, input") && [" ", "Enter"].includes(key);
  if (works || (target.id === "seek" && key.startsWith("Arrow"))) return;
  let act = KEYS[key];
  if (event.shiftKey && key === "ArrowLeft") act = () => goToWord(-1);
  if (event.shiftKey && key === "ArrowRight") act = () => goToWord(1);
  if (!act && byId("letter-keys").checked) act = LETTER_KEYS[key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

byId("undo").onclick = () => travel(false);
byId("redo").onclick = () => travel(true);
byId("doubt-after").onclick = () => goToDoubt(1);
byId("doubt-before").onclick = () => goToDoubt(-1);
byId("doubt-count").onclick = () => {
  const hidden = document.body.classList.toggle("hide-doubts");
  byId("doubt-count").setAttribute("aria-pressed", String(!hidden));
};
byId("edit").onclick = () => LETTER_KEYS.e();
byId("save").onclick = () => saving.open();
byId("help").onclick = () => byId("help-dialog").showModal();
byId("theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  player.drawMap(kindOf);
};
window.addEventListener("resize", () => player.drawMap(kindOf));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player.drawMap(kindOf));

// ---- the recording

function showMissing(why) {
  byId("missing-why").textContent = why;
  byId("missing").hidden = false;
  player.root.classList.add("silent");
}

byId("audio").addEventListener("error", () => {
  const chosenFile = sound.blob instanceof File ? sound.blob.name : null;
  showMissing(
    chosenFile ?? setting.sound.kind === "embedded"
      ? `This browser cannot play ${chosenFile ?? setting.sound.name}.`
      : `The recording is not at ${decodeURIComponent(setting.sound.url)} beside this page, or ` +
          "this browser cannot play it.",
  );
});

let awaited = null; // whoever waits for a recording to be chosen

byId("recording").onchange = (event) => {
  const [file] = event.target.files;
  if (!file) return;
  byId("missing").hidden = true;
  player.root.classList.remove("silent");
  sound.take(file);
  awaited?.(true);
  awaited = null;
};
byId("recording").addEventListener("cancel", () => {
  awaited?.(false);
  awaited = null;
});

/** Let the reader choose the recording; true once it is there. */
function askForRecording() {
  return new Promise((resolve) => {
    awaited = resolve;
    byId("recording").click();
  });
}

// ---- the beginning

restoreDraft();
drawAll();
refresh();
if (!sound.open()) {
  showMissing("The recording is not part of this page: it came through a pipe or a microphone.");
}
document.documentElement.dataset.ready = "yes";
