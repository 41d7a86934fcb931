// A transcript in, the text of a file out, a function a format.

/** Hours, minutes, seconds, thousandths, as subtitles want them. */
function clockOf(seconds, point) {
  const whole = Math.round(Math.max(0, seconds) * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600000), Math.floor(whole / 60000) % 60];
  const thousandth = String(whole % 1000).padStart(3, "0");
  return `${two(hours)}:${two(minutes)}:${two(Math.floor(whole / 1000) % 60)}${point}${thousandth}`;
}

const textOf = (segment) => segment.tokens.map((token) => token.shown).join(" ");

/** Paragraphs where there are sentences, else a line a segment. */
function toText(transcript) {
  const segments = transcript.segments.filter((segment) => textOf(segment));
  if (!transcript.hasSentences) return segments.map((segment) => `${textOf(segment)}\n`).join("");
  const parts = segments.map((segment, index) => {
    if (!index) return textOf(segment);
    return (beginsParagraph(segments[index - 1], segment) ? "\n\n" : " ") + textOf(segment);
  });
  return parts.length ? `${parts.join("")}\n` : "";
}

function toSubRip(transcript) {
  return cuesOf(transcript.segments, transcript.limits)
    .map(({start, end, lines}, index) => {
      const shown = lines.map((line) => `${line.replaceAll("-->", "→")}\n`).join("");
      return `${index + 1}\n${clockOf(start, ",")} --> ${clockOf(end, ",")}\n${shown}`;
    })
    .join("\n");
}

function toWebVTT(transcript) {
  const escaped = (line) =>
    line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const cues = cuesOf(transcript.segments, transcript.limits).map(({start, end, lines}) => {
    const shown = lines.map((line) => `${escaped(line)}\n`).join("");
    return `${clockOf(start, ".")} --> ${clockOf(end, ".")}\n${shown}`;
  });
  return ["WEBVTT\n", ...cues].join("\n");
}

const toJSON = (transcript) => `${JSON.stringify(transcript.toRecord(), null, 2)}\n`;

/** Rows of a table for `las prepare`: nothing in a cell that would end it. */
function toTable(header, rows) {
  const cell = (value) => String(value).replace(/\s+/gu, " ").trim();
  return [header, ...rows].map((row) => `${row.map(cell).join("\t")}\n`).join("");
}
