// The player: buttons, the slider, the map of doubtful words above it, and the word being heard.

const SKIP = 5; // seconds that an arrow key jumps
const LINGER = 0.6; // seconds that a word stays lit in a pause after it

/** Seconds as people write them: 1:05, 1:02:05. */
function shortClock(seconds) {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

class Player {
  /** onWord(token, playing): another word is being heard, or none (null) */
  constructor(sound, duration, onWord) {
    this.sound = sound;
    this.audio = sound.audio;
    this.known = duration; // seconds, by the transcript
    this.onWord = onWord;
    this.tokens = [];
    this.lit = null;
    this.stopAt = Infinity;
    this.at = 0; // where to play from while the audio element has no recording yet
    this.root = byId("player");
    this.seekBar = byId("seek");
    this.listen();
  }

  get duration() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : this.known;
  }

  get time() {
    return this.audio.readyState ? this.audio.currentTime : this.at;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  listen() {
    const {audio, seekBar} = this;
    byId("play").onclick = () => this.toggle();
    byId("back").onclick = () => this.seek(this.time - SKIP);
    byId("forward").onclick = () => this.seek(this.time + SKIP);
    byId("speed").onchange = (event) => (audio.playbackRate = Number(event.target.value));
    seekBar.oninput = () => this.seek(Number(seekBar.value));
    audio.onloadedmetadata = () => {
      audio.currentTime = this.at;
      audio.playbackRate = Number(byId("speed").value);
      this.show();
    };
    audio.onplay = audio.onpause = () => {
      document.body.classList.toggle("playing", this.isPlaying);
      byId("play").setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
      this.tick();
    };
    audio.onseeked = audio.onended = () => this.tick();
    this.show();
  }

  toggle() {
    this.stopAt = Infinity;
    if (this.isPlaying) this.audio.pause();
    else this.play();
  }

  play() {
    // A recording that cannot be played is told of by the element's error event.
    this.audio.play()?.catch(() => {});
  }

  /** Jump; a recording that is not there yet starts from here once it is. */
  seek(seconds) {
    this.stopAt = Infinity;
    this.at = Math.min(Math.max(0, seconds), this.duration || 0);
    if (this.audio.readyState) this.audio.currentTime = this.at;
    this.tick();
  }

  /** Play a part alone. */
  playPart(start, end) {
    this.seek(start);
    this.stopAt = end;
    this.play();
  }

  faster(steps) {
    const select = byId("speed");
    const index = Math.min(Math.max(0, select.selectedIndex + steps), select.options.length - 1);
    select.selectedIndex = index;
    this.audio.playbackRate = Number(select.value);
  }

  /** The slider, the clock and the lit word follow the sound, once a frame while it plays. */
  tick() {
    cancelAnimationFrame(this.frame);
    if (this.isPlaying && this.time >= this.stopAt) this.audio.pause();
    this.show();
    const token = this.tokenAt(this.time);
    if (token !== this.lit) {
      this.lit = token;
      this.onWord(token, this.isPlaying);
    }
    if (this.isPlaying) this.frame = requestAnimationFrame(() => this.tick());
  }

  show() {
    const now = shortClock(this.time);
    this.seekBar.max = this.duration || 1;
    this.seekBar.value = this.time;
    if (byId("now").textContent === now && this.shown === this.duration) return;
    this.shown = this.duration;
    byId("now").textContent = now;
    byId("whole").textContent = shortClock(this.duration);
    this.seekBar.setAttribute("aria-valuetext", `${now} of ${shortClock(this.duration)}`);
  }

  /** The word at a time, by bisection: a recording of hours has tens of thousands. */
  tokenAt(seconds) {
    let [low, high] = [0, this.tokens.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tokens[middle].start <= seconds + 0.01) low = middle + 1;
      else high = middle;
    }
    const token = this.tokens[low - 1];
    return token && seconds < token.end + LINGER ? token : null;
  }

  /** Marks of doubtful and corrected words, by their time; the more of them, the stronger. */
  drawMap(kindOf) {
    const canvas = byId("map");
    const scale = window.devicePixelRatio || 1;
    const width = (canvas.width = Math.round(canvas.clientWidth * scale));
    const height = (canvas.height = Math.round(canvas.clientHeight * scale));
    const pen = canvas.getContext("2d");
    const bar = Math.max(2, Math.round(1.5 * scale));
    const words = new Map(); // bar → words there
    const marked = {unsure: new Map(), doubtful: new Map(), corrected: new Map()};
    const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
    for (const token of this.tokens) {
      const place = Math.floor(((token.start / (this.known || 1)) * width) / bar);
      add(words, place);
      const kind = kindOf(token);
      if (marked[kind]) add(marked[kind], place);
    }
    for (const [kind, counts] of Object.entries(marked)) {
      // A custom property keeps light-dark() as it is written; as a colour it is worked out.
      canvas.style.color = `var(--${kind})`;
      pen.fillStyle = getComputedStyle(canvas).color;
      const tall = kind === "unsure" ? 0.5 : 1;
      for (const [place, count] of counts) {
        const share = count / words.get(place);
        pen.globalAlpha = kind === "corrected" ? 1 : Math.max(0.15, Math.min(1, share * 1.5));
        pen.fillRect(place * bar, height * (1 - tall), bar, height * tall);
      }
    }
  }
}
