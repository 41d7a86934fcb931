// The JSON of a transcript in; segments of words that can be corrected, and the JSON again, out.
// Nothing here knows the document.

/** Code points of a text: what Python's len counts, and what a reader takes for letters. */
const lettersIn = (text) => [...text].length;

// As ends_sentence of las_cli/text/marks.py has them.
const SENTENCE_END = /[.?!。？！؟⸮\u037e՞।॥۔։።፧…]["'”’»)\]]*$/u;
const PARAGRAPH = 2; // seconds of silence behind a sentence that begin a new paragraph
const BREAK = 6; // seconds that do so anywhere
const FULL_PARAGRAPH = 90; // words, after which a paragraph ends with its sentence
const LONGEST_PARAGRAPH = 180; // words, after which it ends with its segment

/** A text's words spread over a time by their length, as las does where it has no word times. */
function spreadWords(texts, start, end) {
  const weights = texts.map((text) => lettersIn(text) + 1);
  const scale = (end - start) / Math.max(1, weights.reduce((sum, weight) => sum + weight, 0));
  let at = start;
  return texts.map((text, index) => {
    const from = at;
    at += weights[index] * scale;
    return {text, start: from, end: at};
  });
}

/**
 * The words of one segment as they are shown.
 *
 * plain: as the model spells; shown: as it is written, with capitals and marks, where it is known.
 * from, to: which of the segment's words it was heard as. state: "heard", "right" (a person heard
 * it and says so) or "corrected".
 */
function tokensOf(segment) {
  let words = segment.words;
  if (!words.length) {
    const plain = segment.text.split(/\s+/u).filter(Boolean);
    const written = (segment.written ?? segment.text).split(/\s+/u).filter(Boolean);
    // Both forms word by word; where they part otherwise (numbers in digits) the plain one alone.
    const shown = written.length === plain.length ? written : plain;
    words = spreadWords(shown, segment.start ?? 0, segment.end ?? 0).map((word, index) => ({
      ...word,
      text: plain[index],
      written: word.text,
      confidence: segment.confidence,
    }));
  }
  const tokens = [];
  words.forEach((word, index) => {
    const shown = word.written ?? word.text;
    const last = tokens.at(-1);
    if (!shown) {
      // Two words that are written as one, such as a number in digits.
      if (!last) return;
      last.plain += ` ${word.text}`;
      last.end = word.end ?? last.end;
      last.confidence = least(last.confidence, word.confidence);
      last.to = index + 1;
      return;
    }
    tokens.push({
      plain: word.text,
      shown,
      start: word.start ?? segment.start ?? 0,
      end: word.end ?? segment.end ?? 0,
      confidence: word.confidence,
      from: last ? index : 0,
      to: index + 1,
      state: "heard",
    });
  });
  return tokens;
}

const least = (one, other) => (one === null ? other : other === null ? one : Math.min(one, other));

/** Whether the silence between two segments parts paragraphs; plain words have no sentences. */
function beginsParagraph(before, segment, hasSentences = true) {
  const sentence = !hasSentences || SENTENCE_END.test(before.tokens.at(-1)?.shown ?? "");
  return segment.start - before.end >= (sentence ? PARAGRAPH : BREAK);
}

/** Everything the page knows of a recording, what was corrected, and the way back. */
class Transcript {
  /** record: the transcript's JSON; limits: of its subtitles; paragraphs: of a written form */
  constructor(record, limits, paragraphs) {
    this.record = record;
    this.limits = limits;
    this.hasWritten = record.segments.some(
      (segment) => segment.written !== undefined || segment.words.some((w) => w.written !== undefined),
    );
    this.hasSentences = this.hasWritten && paragraphs; // else a line a segment
    this.segments = record.segments.map((segment, index) => ({
      index,
      heard: segment, // as it came
      start: segment.start ?? 0,
      end: segment.end ?? 0,
      flags: segment.flags,
      tokens: tokensOf(segment),
      checked: false, // a person heard it and says that it is right
    }));
    // Where the model writes small letters only, so do corrections in the plain form.
    this.smallLetters = record.text === record.text.toLowerCase();
    this.done = [];
    this.undone = [];
  }

  /** Segments put together to paragraphs: at long pauses, and after some sentences. */
  paragraphs() {
    const paragraphs = [];
    let words = 0;
    let before = null;
    for (const segment of this.segments) {
      if (!segment.tokens.length && !segment.heard.text) continue;
      const sentence = !this.hasSentences || SENTENCE_END.test(before?.tokens.at(-1)?.shown ?? "");
      const full = words >= LONGEST_PARAGRAPH || (words >= FULL_PARAGRAPH && sentence);
      if (!before || full || beginsParagraph(before, segment, this.hasSentences)) {
        paragraphs.push([]);
        words = 0;
      }
      paragraphs.at(-1).push(segment);
      words += segment.tokens.length;
      before = segment;
    }
    return paragraphs;
  }

  /** All words in order. */
  tokens() {
    return this.segments.flatMap((segment) => segment.tokens);
  }

  /** Segments that a person corrected or says are right: only these are worth learning from. */
  verified() {
    return this.segments.filter(
      (segment) =>
        segment.tokens.length &&
        (segment.checked || isCut(segment) || hasState(segment, ["corrected"])),
    );
  }

  get isChanged() {
    return this.segments.some((segment) => segment.checked || isTouched(segment));
  }

  /** `typed` in place of `count` words from `at` on; nothing typed drops them. True for a change. */
  correct(segment, at, typed, count = 1) {
    const old = segment.tokens.slice(at, at + count);
    const texts = typed.normalize("NFC").split(/\s+/u).filter(Boolean);
    const same = texts.join(" ") === old.map((token) => token.shown).join(" ");
    if (same && old.every((token) => token.state !== "heard")) return false;
    const parts = same
      ? old.map((token) => ({...token, state: "right"}))
      : spreadWords(texts, old[0].start, old.at(-1).end).map((word) => ({
          plain: this.plain(word.text),
          shown: word.text,
          start: word.start,
          end: word.end,
          confidence: 1,
          from: old[0].from,
          to: old.at(-1).to,
          state: "corrected",
        }));
    this.change(segment, {tokens: segment.tokens.toSpliced(at, count, ...parts)});
    return true;
  }

  /** Say of segments that they were heard and are right, or take it back. */
  check(segments, checked) {
    const changed = segments.filter((segment) => segment.checked !== checked);
    changed.forEach((segment, index) => this.change(segment, {checked}, index > 0));
  }

  /** Lay `after` over a segment and remember what was there; joined: undone with the one before. */
  change(segment, after, joined = false) {
    const before = Object.fromEntries(Object.keys(after).map((name) => [name, segment[name]]));
    Object.assign(segment, after);
    this.done.push({segment, before, after, joined});
    this.undone = [];
  }

  /** Take the last change back; the segments that it touched. */
  undo() {
    return this.travel(this.done, this.undone, "before", (change) => !change.joined);
  }

  /** Do again what was taken back last; the segments that it touched. */
  redo() {
    return this.travel(this.undone, this.done, "after", () => !this.undone.at(-1)?.joined);
  }

  travel(from, to, side, isLast) {
    const touched = [];
    while (from.length) {
      const change = from.pop();
      Object.assign(change.segment, change[side]);
      to.push(change);
      touched.push(change.segment);
      if (isLast(change)) break;
    }
    return touched;
  }

  /** A word as the model would spell it: its case and its letters, without marks. */
  plain(text) {
    const marked = text.normalize("NFC").replace(/[’‘ʼ`´＇]/gu, "'");
    const bare = marked
      .replace(/(?!')[\p{P}\p{S}\p{C}]/gu, (mark) => ("\u200c\u200d".includes(mark) ? mark : " "))
      .split(/\s+/u)
      .map((word) => word.replace(/^'+|'+$/g, ""))
      .filter(Boolean)
      .join(" ");
    return this.smallLetters ? bare.toLowerCase() : bare;
  }

  /** The transcript as las writes it to JSON, with what was corrected. */
  toRecord() {
    const segments = this.segments.map((segment) => this.segmentRecord(segment));
    const record = {...this.record, segments};
    record.text = segments.map((segment) => segment.text).filter(Boolean).join(" ");
    if (this.record.written !== undefined) {
      const shown = segments.map((segment) => segment.written ?? segment.text);
      record.written = shown.filter(Boolean).join(" ");
    }
    return record;
  }

  segmentRecord(segment) {
    if (!hasState(segment, ["corrected"]) && !isCut(segment)) return segment.heard;
    const {heard} = segment;
    const shown = segment.tokens.map((token) => token.shown).join(" ");
    const words = segment.tokens.flatMap((token) => this.wordRecords(token, heard));
    const text = this.hasWritten ? words.map((word) => word.text).filter(Boolean).join(" ") : shown;
    return {...heard, text, ...(heard.written === undefined ? {} : {written: shown}), words};
  }

  wordRecords(token, heard) {
    const words = heard.words.slice(token.from, token.to);
    if (token.state !== "corrected" && words.length) return words;
    const {start, end, confidence} = token;
    const times = {start: thousandths(start), end: thousandths(end), confidence};
    if (!this.hasWritten) return [{text: token.shown, ...times}];
    return [{text: token.plain, ...times, written: token.shown}];
  }

  /** What was changed so far, small enough to be kept by the browser. */
  draft() {
    const segments = {};
    for (const segment of this.segments) {
      const touched = isTouched(segment);
      if (touched || segment.checked) {
        const {tokens, checked} = segment;
        segments[segment.index] = {
          checked,
          ...(touched ? {tokens: tokens.map(({element, ...token}) => token)} : {}),
        };
      }
    }
    return segments;
  }

  /** Lay a draft over the transcript as it came. */
  restore(draft) {
    for (const [index, {checked, tokens}] of Object.entries(draft)) {
      const segment = this.segments[index];
      if (!segment) continue;
      segment.checked = checked === true;
      if (Array.isArray(tokens)) segment.tokens = tokens;
    }
    this.done = [];
    this.undone = [];
  }
}

const thousandths = (seconds) => Math.round(seconds * 1000) / 1000;

const hasState = (segment, states) => segment.tokens.some(({state}) => states.includes(state));

const isTouched = (segment) => hasState(segment, ["right", "corrected"]) || isCut(segment);

/** Whether words were dropped from a segment: the rest then does not cover all that was heard. */
function isCut({heard, tokens}) {
  const covered = tokens.reduce((sum, token) => sum + token.to - token.from, 0);
  const written = () => (heard.written ?? heard.text).split(/\s+/u).filter(Boolean).length;
  return covered < (heard.words.length || written());
}
