// Segments and the samples of their recording in; short clips with their texts, in a zip, out.

const CLIP_RATE = 16000; // samples a second: what las hears
const LONGEST_CLIP = 18; // seconds; training leaves out clips of more than 20
const CLIP_EDGE = 0.25; // seconds of sound before the first and after the last word, where it is free

/** Words cut where the pause is longest, until each part is short enough. */
function shortParts(tokens) {
  if (tokens.length < 2 || tokens.at(-1).end - tokens[0].start <= LONGEST_CLIP) return [tokens];
  let cut = 1;
  for (let at = 2; at < tokens.length; at++) {
    const pause = tokens[at].start - tokens[at - 1].end;
    // Of pauses alike, the one nearest to the middle.
    const gain = pause - (tokens[cut].start - tokens[cut - 1].end);
    const nearer = Math.abs(at - tokens.length / 2) < Math.abs(cut - tokens.length / 2);
    if (gain > 0.02 || (gain > -0.02 && nearer)) cut = at;
  }
  return [...shortParts(tokens.slice(0, cut)), ...shortParts(tokens.slice(cut))];
}

/**
 * The short parts of a segment, with the seconds from the first to the last word that was heard.
 *
 * Where a word was dropped at an edge, its sound stays: what it was may be typed into another word.
 */
function stretchesOf(segment) {
  if (!segment.tokens.length) return [];
  const parts = shortParts(segment.tokens).map((tokens) => ({
    segment,
    tokens,
    first: tokens[0].start,
    last: tokens.at(-1).end,
  }));
  // As far as the part does not become too long for a clip.
  const [head, tail] = [parts[0], parts.at(-1)];
  head.first = Math.min(head.first, Math.max(segment.start, head.last - LONGEST_CLIP));
  tail.last = Math.max(tail.last, Math.min(segment.end, tail.first + LONGEST_CLIP));
  return parts;
}

/**
 * Where to cut the recording: {start, end, text, written} a clip, in order.
 *
 * The text is the plain form, in which numbers are still words; no clip reaches into the words of
 * another. `all` are the segments of the recording, `chosen` those that are wanted.
 */
function clipsOf(all, chosen, duration) {
  const wanted = new Set(chosen);
  const parts = all.flatMap(stretchesOf);
  return parts.flatMap(({segment, tokens, first, last}, index) => {
    if (!wanted.has(segment)) return [];
    const before = parts[index - 1]?.last ?? 0;
    const after = parts[index + 1]?.first ?? duration ?? Infinity;
    const start = Math.max(0, first - Math.min(CLIP_EDGE, Math.max(0, first - before) / 2));
    const end = last + Math.min(CLIP_EDGE, Math.max(0, after - last) / 2);
    const text = tokens.map((token) => token.plain).filter(Boolean).join(" ");
    const written = tokens.map((token) => token.shown).join(" ");
    return text ? [{start, end, text, written}] : [];
  });
}

/** Mono samples −1 … 1 as the bytes of a wav file of 16 bits. */
function wavOf(samples, rate) {
  const bytes = new ArrayBuffer(44 + samples.length * 2);
  const view = new DataView(bytes);
  const ascii = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  ascii(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => {
    const loud = Math.round(sample * 32767);
    view.setInt16(44 + index * 2, Math.max(-32768, Math.min(32767, loud)), true);
  });
  return new Uint8Array(bytes);
}

const CRC_TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Files of [name, bytes] as a zip archive, stored as they are (APPNOTE.TXT 6.3, 4.3). */
function zipOf(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const path = new TextEncoder().encode(name);
    const common = new DataView(new ArrayBuffer(26));
    common.setUint16(0, 20, true); // version that can read it
    common.setUint16(2, 0x0800, true); // names are UTF-8
    common.setUint16(8, 0x21, true); // 1 January 1980: when it was saved is nobody's business
    common.setUint32(10, crc32(bytes), true);
    common.setUint32(14, bytes.length, true);
    common.setUint32(18, bytes.length, true);
    common.setUint16(22, path.length, true);
    const head = new Uint8Array(common.buffer);
    parts.push(Uint8Array.of(0x50, 0x4b, 3, 4), head, path, bytes);
    const place = new DataView(new ArrayBuffer(14)); // comment, disk, attributes, offset
    place.setUint32(10, offset, true);
    const entry = [Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), head, new Uint8Array(place.buffer), path];
    directory.push(...entry);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end.buffer], {type: "application/zip"});
}

/** The zip that `las prepare` and `las train` read once it is unpacked: wav files and a table. */
function clipArchive(name, recording, clips, samples) {
  const rows = [];
  const files = [];
  for (const {start, end, text, written} of clips) {
    const cut = samples.subarray(Math.round(start * CLIP_RATE), Math.round(end * CLIP_RATE));
    if (!cut.length) continue;
    const path = `sound/${String(Math.round(start * 1000)).padStart(8, "0")}.wav`;
    files.push([`${name}/${path}`, wavOf(cut, CLIP_RATE)]);
    rows.push([path, text, written, recording, start.toFixed(3), end.toFixed(3)]);
  }
  const header = ["path", "text", "written", "recording", "cut_from", "cut_to"];
  files.push([`${name}/train.tsv`, new TextEncoder().encode(toTable(header, rows))]);
  return {archive: zipOf(files), count: rows.length};
}
