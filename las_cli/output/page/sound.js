// The recording: embedded in the page, beside it, or chosen by the reader; and its samples.

/** Bytes of base64. */
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

class Sound {
  /** setting: {kind: "embedded" | "linked" | "none", name, type, url}; audio: the element */
  constructor(setting, audio) {
    this.setting = setting;
    this.audio = audio;
    this.blob = null; // the file's bytes, where the page may read them
    this.samples = null;
  }

  /** Let the audio element have the recording; false where there is none so far. */
  open() {
    if (this.setting.kind === "embedded") {
      const element = document.getElementById("sound");
      this.take(new Blob([bytesOf(element.textContent.trim())], {type: this.setting.type}));
      element.remove();
    } else if (this.setting.kind === "linked") {
      this.audio.src = this.setting.url;
    }
    return this.setting.kind !== "none";
  }

  /** A file that the reader chose, or the embedded one. */
  take(blob) {
    if (this.blob) URL.revokeObjectURL(this.audio.src);
    this.blob = blob;
    this.samples = null;
    this.audio.src = URL.createObjectURL(blob);
  }

  /** Mono samples at CLIP_RATE; null where the page may not read the file. */
  async decoded() {
    if (!this.blob) return null;
    if (!this.samples) {
      const context = new OfflineAudioContext(1, 1, CLIP_RATE);
      const buffer = await context.decodeAudioData(await this.blob.arrayBuffer());
      const channels = Array.from({length: buffer.numberOfChannels}, (_, channel) =>
        buffer.getChannelData(channel),
      );
      this.samples = channels[0];
      if (channels.length > 1) {
        this.samples = channels[0].map(
          (_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length,
        );
      }
    }
    return this.samples;
  }
}
