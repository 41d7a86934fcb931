// The window that saves: the corrected transcript as text, subtitles, JSON, a table or clips.

const WRITERS = {txt: toText, srt: toSubRip, vtt: toWebVTT, json: toJSON};
const MIME = {txt: "text/plain", srt: "text/plain", vtt: "text/vtt", json: "application/json"};

/** A name that no file system takes for a path or refuses, as it also stands in the zip. */
const safeName = (name) =>
  name.replace(/[\\/:*?"<>|\p{C}]/gu, "_").replace(/^\.+|[. ]+$/gu, "_") || "transcript";

/** Have the browser save a file under a name. */
function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Browsers read the file after the click; none needs a minute to begin.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const several = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

class SaveDialog {
  /** name: of the files, without suffix; recording: its file name; saved(): corrections are safe */
  constructor(transcript, sound, {name, recording, saved, askForRecording}) {
    Object.assign(this, {transcript, sound, name, recording, saved, askForRecording});
    this.root = byId("save-dialog");
    this.form = byId("save-form");
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.save();
    };
    this.form.onchange = () => this.show();
    byId("save-close").onclick = () => this.root.close();
  }

  open() {
    byId("save-told").textContent = "";
    this.show();
    this.root.showModal();
  }

  get format() {
    return this.form.elements.format.value;
  }

  /** Say what is to be saved, and which passages are worth learning from. */
  show() {
    const {transcript} = this;
    const corrected = transcript.tokens().filter((token) => token.state === "corrected").length;
    byId("save-state").textContent = transcript.isChanged
      ? `${several(corrected, "word")} corrected.`
      : "Nothing is corrected so far: it is saved as it was heard.";
    const teaches = this.format === "zip" || this.format === "tsv";
    byId("which").hidden = !teaches;
    if (!teaches) return;
    const verified = transcript.verified();
    const all = transcript.segments.filter((segment) => segment.tokens.length);
    byId("which-verified").textContent =
      `${several(verified.length, "passage")} corrected, or marked as right`;
    byId("which-all").textContent = `All ${several(all.length, "passage")}, checked or not`;
    byId("which-hint").textContent =
      this.format === "zip"
        ? "Sound cut by the words’ times, and train.tsv: unpacked, las prepare, las train and " +
          "las adapt read the folder."
        : `Times and texts. Put it beside ${this.recording}: las prepare reads it there.`;
  }

  tell(sentence) {
    byId("save-told").textContent = sentence;
  }

  async save() {
    const {format, transcript} = this;
    if (WRITERS[format]) {
      download(`${this.name}.${format}`, new Blob([WRITERS[format](transcript)], {type: MIME[format]}));
      this.tell(`Saved ${this.name}.${format}.`);
      this.saved(transcript);
      return;
    }
    const all = this.form.elements.which.value === "all";
    const chosen = all ? transcript.segments : transcript.verified();
    const clips = clipsOf(transcript.segments, chosen, transcript.record.duration);
    if (!clips.length) {
      this.tell(
        all
          ? "There are no words to save."
          : "No passage is corrected or marked as right so far, and what nobody heard would only " +
              "teach a model its own mistakes. Correct a word, tick a passage, or choose all.",
      );
      return;
    }
    const digits = clips.filter((clip) => /\p{N}/u.test(clip.text)).length;
    const warning = digits
      ? ` ${several(digits, "passage")} with digits will be left out by las: write numbers as words.`
      : "";
    if (format === "tsv") {
      const rows = clips.map(({start, end, text, written}) => [
        this.recording, start.toFixed(3), end.toFixed(3), text, written,
      ]);
      const table = toTable(["path", "start", "end", "text", "written"], rows);
      download(`${this.name}.tsv`, new Blob([table], {type: "text/tab-separated-values"}));
      this.tell(`Saved ${this.name}.tsv, ${several(rows.length, "passage")}.${warning}`);
      return;
    }
    await this.saveClips(clips, warning);
  }

  async saveClips(clips, warning) {
    const button = byId("save-go");
    if (!this.sound.blob) {
      this.tell(`A page may read a file only once you choose it: choose ${this.recording}.`);
      if (!(await this.askForRecording())) return;
    }
    button.disabled = true;
    this.tell("Cutting the clips …");
    // The sentence is on the screen before the work begins.
    await new Promise((resolve) => setTimeout(resolve, 30));
    try {
      const samples = await this.sound.decoded();
      const name = `${this.name}-clips`;
      const {archive, count} = clipArchive(name, this.recording, clips, samples);
      if (!count) {
        this.tell("The recording ends before the first of these passages: is it the right file?");
        return;
      }
      download(`${name}.zip`, archive);
      this.tell(`Saved ${name}.zip, ${several(count, "clip")}.${warning}`);
    } catch (error) {
      this.tell(
        "This browser could not take the recording apart; save the table of passages instead " +
          `and put it beside the recording. (${error.message})`,
      );
    } finally {
      button.disabled = false;
    }
  }
}
