// Segments of words in, subtitle cues out: the same cut as las_cli/output/subtitles.py makes, where
// the numbers are explained; a test holds the two together. `limits` are its SubtitleLimits.

const LEAST_PART = 8; // letters of a part that is cut for its time

/** `text` cut into about equal parts of up to `most` letters, no mark parted from its letter. */
function partsOf(text, most) {
  const parts = [];
  for (const word of text.split(/\s+/u).filter(Boolean)) {
    let rest = [...word];
    while (rest.length) {
      let cut = Math.ceil(rest.length / Math.ceil(rest.length / most));
      while (cut > 1 && cut < rest.length && /\p{M}/u.test(rest[cut])) cut--;
      parts.push(rest.slice(0, cut).join(""));
      rest = rest.slice(cut);
    }
  }
  return parts;
}

/** The words of a segment, those that no cue has room for in timed parts. */
function shownWords(segment, limits) {
  return segment.tokens.flatMap(({shown, start, end}) => {
    const letters = lettersIn(shown.replace(/\s+/gu, ""));
    const seconds = end - start;
    let most = limits.max_line_width;
    if (seconds > limits.longest) {
      const timed = Math.trunc((letters * limits.longest) / seconds);
      most = Math.min(most, Math.max(LEAST_PART, timed));
    }
    const parts = partsOf(shown, most);
    if (parts.length < 2) return [{text: shown, length: letters, start, end}];
    let at = 0;
    return parts.map((text) => {
      const from = start + (seconds * at) / letters;
      at += lettersIn(text);
      return {text, length: lettersIn(text), start: from, end: start + (seconds * at) / letters};
    });
  });
}

/** Words put into lines of up to `width` letters, as many in each as there is room for. */
function filledLines(words, width) {
  const lines = [];
  let length = Infinity;
  for (const word of words) {
    if (length + 1 + word.length > width) {
      lines.push(word.text);
      length = word.length;
    } else {
      lines[lines.length - 1] += ` ${word.text}`;
      length += 1 + word.length;
    }
  }
  return lines;
}

/** As few lines as the width allows, of about equal length. */
function balancedLines(words, most) {
  const lines = filledLines(words, most);
  if (lines.length < 2) return lines;
  const letters = textLength(words);
  for (let width = Math.ceil(letters / lines.length); width < most; width++) {
    if (words.some((word) => word.length > width)) continue;
    const balanced = filledLines(words, width);
    if (balanced.length === lines.length) return balanced;
  }
  return lines;
}

const textLength = (words) => words.reduce((sum, word) => sum + word.length + 1, -1);

function fitsOneCue(words, limits) {
  if (words.at(-1).end - words[0].start > limits.longest) return false;
  return filledLines(words, limits.max_line_width).length <= limits.max_line_count;
}

/** The cheapest way to cut one segment's words into cues. */
function cutIntoCues(words, limits) {
  const best = [0];
  const cutBefore = [0];
  const room = limits.max_line_width * limits.max_line_count;
  for (let end = 1; end <= words.length; end++) {
    best[end] = Infinity;
    for (let start = end - 1; start >= 0; start--) {
      const group = words.slice(start, end);
      if (group.length > 1 && !fitsOneCue(group, limits)) break;
      let cost = best[start] + 4 + 2 * Math.max(0, 1 - textLength(group) / room) ** 2;
      if (end < words.length) {
        const pause = Math.min(1, Math.max(0, words[end].start - words[end - 1].end));
        cost -= limits.pause_second * pause;
        if (SENTENCE_END.test(words[end - 1].text)) cost -= limits.sentence_end;
        else if (/[,;:]$/u.test(words[end - 1].text)) cost -= limits.other_mark;
      }
      if (cost < best[end]) {
        best[end] = cost;
        cutBefore[end] = start;
      }
    }
  }
  const groups = [];
  for (let end = words.length; end > 0; end = cutBefore[end]) {
    groups.unshift(words.slice(cutBefore[end], end));
  }
  return groups;
}

/** Cues in order, none overlapping the next: {start, end, lines}. */
function cuesOf(segments, limits) {
  const groups = segments.flatMap((segment) => cutIntoCues(shownWords(segment, limits), limits));
  const cues = [];
  groups.forEach((group, index) => {
    const {shortest, longest, comfortable_speed: speed, gap, lead} = limits;
    const following = groups[index + 1]?.[0].start ?? Infinity;
    const previous = cues.at(-1);
    const before = previous ? previous.end + gap : 0;
    const lastEnd = group.at(-1).end;
    let start = Math.max(group[0].start, previous ? previous.end : 0);
    let wanted = Math.max(shortest, textLength(group) / speed);
    wanted = Math.min(Math.max(wanted, lastEnd - start), Math.max(longest, shortest));
    const latest = Math.max(following - gap, Math.min(lastEnd, following), start + 0.001);
    const end = Math.min(start + wanted, latest);
    if (end - start < wanted) {
      start = Math.min(start, Math.max(end - wanted, start - lead, before, 0));
    }
    cues.push({start, end, lines: balancedLines(group, limits.max_line_width)});
  });
  return cues;
}
