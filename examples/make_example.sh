#!/usr/bin/env bash
# Makes the example clips: sentences written for this project, spoken by a synthesiser, as 16 kHz flac.
#   examples/make_example.sh OUT_FOLDER
# Needs: espeak-ng and sox (Debian: apt-get install espeak-ng sox), and in the Python named by
# TTS_PYTHON (default python3) hibari-tts 0.2.1 (Apache-2.0, its voice inside the wheel) and soundfile:
#   python3 -m venv /opt/tts && /opt/tts/bin/pip install hibari-tts==0.2.1 scipy soundfile
#   TTS_PYTHON=/opt/tts/bin/python examples/make_example.sh /tmp/examples
# Beside NAME.flac stands NAME.txt with the words spoken.
set -euo pipefail
out=${1:?usage: make_example.sh OUT_FOLDER}
mkdir -p "$out"

sentences=(
  "door:The old man opened the door, and looked out upon the quiet street."
  "river:In the morning the children walked along the river to the village."
  "letter:She put the letter on the table, and waited for her brother to speak."
  "window:There was a light in the window, and the sound of a voice within."
  "horses:We had been travelling all day, and the horses were very tired."
  "friends:It was late in the evening when the two friends came home again."
)

for entry in "${sentences[@]}"; do
  name=${entry%%:*} text=${entry#*:}
  for speed in 0.9 1.0; do
    "${TTS_PYTHON:-python3}" - "$text" "$speed" "$out/hibari-$name-$speed.wav" <<'PY'
import sys
from hibari import Hibari

text, speed, path = sys.argv[1:]
Hibari().save(text, path, speed=float(speed), seed=0)
PY
  done
  espeak-ng -v en-us -s 140 -w "$out/espeak-us-$name.wav" "$text"
  espeak-ng -v en-gb-x-rp -s 130 -w "$out/espeak-rp-$name.wav" "$text"
done

for wav in "$out"/*.wav; do
  name=$(basename "$wav" .wav)
  # A quarter of a second of quiet at both ends, as in a recording; no dither, so the same bytes each time.
  sox -D "$wav" -r 16000 -c 1 -b 16 "$out/$name.flac" pad 0.25 0.25
  for entry in "${sentences[@]}"; do
    case $name in *"${entry%%:*}"*) printf '%s\n' "${entry#*:}" > "$out/$name.txt" ;; esac
  done
  rm "$wav"
done
