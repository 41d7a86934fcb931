// The page: everything put together, what was corrected kept, clicks and buttons.

const byId = (id) => document.getElementById(id);
const dataOf = (id) => JSON.parse(byId(id).textContent);

const setting = dataOf("setting");
const transcript = new Transcript(dataOf("record"), setting.subtitles, setting.paragraphs);
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

/** An address as its file is named; as it stands where its bytes are no text. */
function readable(url) {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

byId("audio").addEventListener("error", () => {
  const chosenFile = sound.blob instanceof File ? sound.blob.name : null;
  showMissing(
    chosenFile ?? setting.sound.kind === "embedded"
      ? `This browser cannot play ${chosenFile ?? setting.sound.name}.`
      : `The recording is not at ${readable(setting.sound.url)} beside this page, or ` +
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
