// The small window in which a word is corrected: typing, other readings, hearing it again.

const CONTEXT = 0.6; // seconds around a word that "Hear it" plays

class Editor {
  /**
   * player: to hear the word; apply(token, typed, count): what is typed for `count` words;
   * closed(): the window went; next(): to the next doubtful word
   */
  constructor(player, {apply, closed, next}) {
    this.player = player;
    this.root = byId("editor");
    this.typed = byId("typed");
    this.token = null;
    this.handlers = {apply, closed, next};
    this.root.onsubmit = (event) => {
      event.preventDefault();
      this.finish(this.typed.value);
    };
    this.root.onkeydown = (event) => this.key(event);
    byId("hear").onclick = () => this.hear();
    byId("right").onclick = () => this.finish(this.token.shown);
    byId("drop").onclick = () => this.finish("");
    document.addEventListener("pointerdown", (event) => {
      // A click elsewhere keeps what was typed, as in a spreadsheet.
      if (this.token && !this.root.contains(event.target)) this.leave();
    });
  }

  get isOpen() {
    return this.token !== null;
  }

  /** segment, token: what to correct; the sound pauses and goes on afterwards. */
  open(segment, token) {
    if (this.token) this.leave();
    this.resumes = this.player.isPlaying;
    this.player.audio.pause();
    [this.segment, this.token] = [segment, token];
    byId("editor-name").textContent = describe(token);
    this.typed.value = token.shown;
    this.offer();
    this.root.hidden = false;
    this.place();
    this.typed.focus({preventScroll: true});
    this.typed.select();
  }

  /** Buttons of the other readings; one may stand for several words. */
  offer() {
    const {segment, token} = this;
    const at = segment.tokens.indexOf(token);
    const group = byId("readings");
    group.replaceChildren();
    const offered = new Set([token.shown]);
    const heard = segment.heard.words.slice(token.from, token.to);
    const readings = readingsOf(segment.heard, token.from);
    if (token.state === "corrected" && heard.length) {
      const text = heard.map((word) => word.written ?? word.text).filter(Boolean).join(" ");
      readings.unshift({from: token.from, to: token.to, text, asIs: true});
    }
    for (const {from, to, text, asIs} of readings) {
      // Words of this place that nobody has changed; else it stands for this word alone.
      let [first, last] = [at, at];
      while (first > 0 && segment.tokens[first - 1].from >= from) first--;
      while (last + 1 < segment.tokens.length && segment.tokens[last + 1].to <= to) last++;
      const covered = segment.tokens.slice(first, last + 1);
      if (covered[0].from !== from || covered.at(-1).to !== to) continue;
      const shown = asIs ? text : inTheFormOf(covered, text);
      if (offered.has(shown)) continue;
      offered.add(shown);
      const button = document.createElement("button");
      button.type = "button";
      button.dir = "auto";
      button.textContent = shown;
      if (covered.length > 1) {
        button.title = `for “${covered.map((other) => other.shown).join(" ")}”`;
      }
      button.onclick = () => this.finish(shown, first, covered.length);
      group.append(button);
    }
  }

  /** Under the word, or over it where there is no room below. */
  place() {
    if (getComputedStyle(this.root).position === "fixed") {
      // On a phone the window lies along the bottom: the word comes above it.
      const {bottom} = this.token.element.getBoundingClientRect();
      const over = bottom + 24 - this.root.getBoundingClientRect().top;
      if (over > 0) window.scrollBy(0, over);
      return;
    }
    const word = this.token.element.getBoundingClientRect();
    const {offsetWidth: width, offsetHeight: height} = this.root;
    const room = document.documentElement.clientWidth - width - 8;
    const left = Math.max(8, Math.min(word.left - 12, room));
    const floor = byId("player").getBoundingClientRect().top;
    const below = word.bottom + 10 + height < floor || word.top - height < 60;
    const top = below ? word.bottom + 8 : word.top - height - 8;
    this.root.style.left = `${left + window.scrollX}px`;
    this.root.style.top = `${top + window.scrollY}px`;
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      this.leave(); // what was typed is kept, and the page's own key saves
      return;
    }
    const choices = [...byId("readings").children];
    const at = choices.indexOf(document.activeElement);
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      this.finish(this.typed.value);
      this.handlers.next();
    } else if (event.key === "ArrowDown" && choices.length) {
      choices[Math.min(at + 1, choices.length - 1)].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      (choices[at - 1] ?? this.typed).focus();
    } else if (event.key === "ArrowRight" && at >= 0) choices[at + 1]?.focus();
    else if (event.key === "ArrowLeft" && at > 0) choices[at - 1].focus();
    else {
      event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  hear() {
    const {start, end} = this.token;
    this.player.playPart(Math.max(0, start - CONTEXT), end + CONTEXT);
  }

  /** What is typed is applied, the sound goes on. */
  finish(typed, first = this.segment.tokens.indexOf(this.token), count = 1) {
    const {segment, resumes} = this;
    this.close();
    if (first < 0) return; // an undo took the word away meanwhile
    this.handlers.apply(segment, first, typed, count);
    if (resumes) this.player.play();
  }

  /** As `finish` where something else was typed; a word that was only looked at stays as it was. */
  leave() {
    const typed = this.typed.value;
    if (typed.trim() && typed !== this.token.shown) this.finish(typed);
    else this.close();
  }

  close() {
    if (!this.token) return;
    this.player.stopAt = Infinity;
    this.player.audio.pause();
    this.token = null;
    this.root.hidden = true;
    this.handlers.closed();
  }
}

/** What a word is, for the window's name and for readers of the screen. */
function describe(token) {
  const sure =
    token.state === "corrected"
      ? "corrected"
      : token.state === "right"
        ? "right, you say"
        : token.confidence === null || token.confidence === undefined
          ? ""
          : `${Math.round(token.confidence * 100)} % sure`;
  return [`“${token.shown}”`, shortClock(token.start), sure].filter(Boolean).join(" · ");
}
