// The n best readings of a segment in; what else a word may have been, out.

/**
 * Where two lists of words differ: [from, to) of the one read as [start, end) of the other.
 *
 * By the edit distance of words; neighbouring differences are one.
 */
function differencesOf(words, others) {
  const rows = words.length + 1;
  const columns = others.length + 1;
  const cost = Array.from({length: rows}, (_, row) => {
    const line = new Uint32Array(columns);
    line[0] = row;
    return line;
  });
  for (let column = 1; column < columns; column++) cost[0][column] = column;
  for (let row = 1; row < rows; row++) {
    for (let column = 1; column < columns; column++) {
      const same = words[row - 1] === others[column - 1] ? 0 : 1;
      cost[row][column] = Math.min(
        cost[row - 1][column - 1] + same,
        cost[row - 1][column] + 1,
        cost[row][column - 1] + 1,
      );
    }
  }
  const differences = [];
  let [row, column] = [rows - 1, columns - 1];
  while (row || column) {
    const same = row && column && words[row - 1] === others[column - 1];
    if (same && cost[row][column] === cost[row - 1][column - 1]) {
      row--;
      column--;
      continue;
    }
    const [to, end] = [row, column];
    while (row || column) {
      if (row && column && words[row - 1] === others[column - 1]) break;
      if (row && column && cost[row][column] === cost[row - 1][column - 1] + 1) {
        row--;
        column--;
      } else if (row && cost[row][column] === cost[row - 1][column] + 1) row--;
      else column--;
    }
    differences.push({from: row, to, start: column, end});
  }
  return differences.reverse();
}

/**
 * What else was heard where word `index` of a segment stands, the likeliest first.
 *
 * Each is {from, to, text}: `text` in place of the words from … to of the segment, as the model
 * spells it. `heard` is a segment of the transcript's JSON.
 */
function readingsOf(heard, index) {
  const words = heard.words.length
    ? heard.words.map((word) => word.text)
    : heard.text.split(/\s+/u).filter(Boolean);
  const readings = [];
  const offer = (from, to, text) => {
    const there = words.slice(from, to).join(" ");
    if (text && text !== there && !readings.some((other) => other.text === text)) {
      readings.push({from, to, text});
    }
  };
  for (const alternative of heard.alternatives) {
    const others = alternative.text.split(/\s+/u).filter(Boolean);
    for (const {from, to, start, end} of differencesOf(words, others)) {
      if (from === to) {
        // Only the other reading has a word here: it is offered with the one before it.
        const at = Math.max(0, from - 1);
        const more = others.slice(start, end).join(" ");
        if (at !== index || !words.length) continue;
        offer(at, at + 1, from ? `${words[at]} ${more}` : `${more} ${words[at]}`);
      } else if (from <= index && index < to) {
        if (to - from === end - start) offer(index, index + 1, others[start + index - from]);
        else offer(from, to, others.slice(start, end).join(" "));
      }
    }
  }
  return readings;
}

/** A reading with the capital and the marks of the words that it stands for. */
function inTheFormOf(tokens, text) {
  const first = tokens[0].shown;
  const marks = /[\p{P}\p{S}]*$/u.exec(tokens.at(-1).shown)[0].replace(/^'/, "");
  const capital = tokens[0].plain !== first && first !== first.toLowerCase();
  const [letter = "", ...rest] = [...text];
  return (capital ? letter.toUpperCase() + rest.join("") : text) + marks;
}
