// The words on the page: drawn from the transcript, chosen, lit up; what page.js made is used.

/** Heard words by how sure the recogniser was of them; corrected ones; "" for all others. */
function kindOf(token) {
  if (token.state !== "heard") return token.state;
  const {confidence} = token;
  if (confidence === null || confidence === undefined) return "";
  return confidence < setting.doubtful ? "doubtful" : confidence < setting.unsure ? "unsure" : "";
}

const isDoubtful = (token) => ["doubtful", "unsure"].includes(kindOf(token));

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
    section.className = transcript.hasSentences ? "paragraph" : "paragraph lines";
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

