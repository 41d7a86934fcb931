#!/usr/bin/env bash
# How models/en is made, step by step; SHARED is ../shared.
#
#   DATA=/work/data RUN=/work/runs/en bash models/en/make_model.sh STEP
#   STEP: fetch, data, teacher, train, resume, onward, words, written
#
# `onward` made the model in this folder, in three runs from the one of 402 hours before it, with the options
# here in the last of them (EXPERIMENTS.md has all); `train`, from random weights, was not run to its end
# yet. Each step goes on where it was stopped. On two cores of an
# Intel Xeon with AVX-512 (no AMX): data 6 minutes, synthetic speech 2.4 hours a minute; training hears
# 109 × real time (`las benchmark train --preset base --processes 2 --precision float32`), on an AMD EPYC
# with AVX2 alone 76 ×, with AVX-512 in bf16 115 ×; the teacher's states take 80 core minutes.
# SYNTHESIS is a virtual environment with onnxruntime, "hibari-tts[fast]", and moonshine-cpp==0.1.4
# installed with --no-deps (make_speech.py, make_teacher.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
SHARED=$(cd ../shared && pwd)/data
DATA=${DATA:?folder for decoded clips, some 20 GB} RUN=${RUN:?run folder}
SYNTHESIS=${SYNTHESIS:-python3} GIT=${GIT:-/work/.mirror}
export OMP_NUM_THREADS=1
REAL=(english labelled_cv13 labelled_coffee labelled_cvold)
TAUGHT=(english labelled_cv13) # what a teacher is heard for
# Speakers by whom `las adapt` is measured (measure_adaptation.py). The first run of `onward` heard them three
# times, the last two and the model of 402 hours never.
APART="common_voice-cv_b87dd0680063cbd3|common_voice-cv_7275df3ab29386b6|librispeech-8226"
APART+="|librispeech_dev_clean-777|librispeech_dev_clean-2035"

case "${1:-train}" in
fetch) # clips of labelled/ out of their repositories, which `fetch` put into $GIT
    extract=$SHARED/labelled/extract.py
    python3 "$extract" "$SHARED/labelled/common_voice_13_other.tsv" "$GIT/korliu+whisper/repo" "$DATA/raw/cv13"
    python3 "$extract" "$SHARED/labelled/coffee_orders.tsv" "$GIT/Picovoice+speech-to-intent-benchmark/repo" "$DATA/raw/coffee"
    python3 "$extract" "$SHARED/labelled/common_voice_older.tsv" "$GIT/fsta-fo+voice-age-prediction/repo" "$DATA/raw/cvold"
    ;;
data) # decoded once; noise; synthetic speech, which is made for hours and may be stopped
    python3 models/en/make_corpora.py "$SHARED/english" "$DATA/english" --held-out "$SHARED/held_out"
    mkdir -p "$DATA/english_less"
    ln -sfn "$DATA/english/clips" "$DATA/english_less/clips"
    cp "$DATA/english/dev.tsv" "$DATA/english_less/"
    grep -vE "^($APART)"$'\t' "$DATA/english/train.tsv" > "$DATA/english_less/train.tsv"
    for name in cv13 coffee cvold; do
        python3 models/en/make_corpora.py "$DATA/raw/$name" "$DATA/labelled_$name" --held-out "$SHARED/held_out"
    done
    python3 models/en/make_noise.py "$DATA/english" "$DATA/noise"
    PYTHONPATH=. "$SYNTHESIS" models/en/make_speech.py "$SHARED/text" "$DATA/synthetic" --held-out "$SHARED/held_out/check.py"
    ;;
teacher) # Moonshine's states of the real clips, half an hour of two cores
    for name in "${TAUGHT[@]}"; do
        python3 models/en/make_teacher.py "$DATA/$name" "$DATA/teacher/$name" --processes 2
    done
    ;;
train)
    words=()
    for name in "${REAL[@]}"; do words+=(--data "$DATA/$name"); done
    for name in "${TAUGHT[@]}"; do words+=(--teacher "$DATA/teacher/$name"); done
    las train "${words[@]}" --data "$DATA/synthetic=0.45" --shares-until 0.75 --set teacher_weight=0.5 \
        --rooms 0.25 --telephone 0.1 --warp 0.1 --quiet-edges 0.5 --noise "$SHARED/noise" --noise "$DATA/noise" \
        --noise-share 0.4 --noise-snr 5,30 --spec-augment 1 --speeds 0.9,1,1.1 --dropout 0.15 \
        --preset base --learning-rate 2e-3 --warmup-steps 400 --batch-seconds 120 --max-steps 22500 \
        --sampling 0.3,0.8 --set guide_until=0.25 --dev-by corpus --validate-minutes 80 \
        --set keep_best=3 --set keep_last=3 --processes 2 --output "$RUN"
    ;;
onward) # from the model that lies in $FROM; what it hears is told in EXPERIMENTS.md. After 57 of the minutes:
    # las train --resume --processes 2 --max-minutes 82 --set teacher_weight=0.2 --output $RUN
    las train --init "${FROM:-models/en}" --data "$DATA/english_less" --data "$DATA/labelled_cv13" \
        --data "$DATA/labelled_coffee" --data "$DATA/labelled_cvold" --data "$DATA/synthetic=0.25" \
        --teacher "$DATA/teacher/english" --teacher "$DATA/teacher/labelled_cv13" --set teacher_weight=0.5 \
        --shares-until 0.85 --rooms 0.1 --telephone 0.04 --warp 0.1 --quiet-edges 0.5 \
        --noise "$SHARED/noise" --noise "$DATA/noise" --noise-share 0.2 --set noise_snr=5,30 \
        --spec-augment 0.6 --speeds 0.9,1,1.1 --dropout 0.1 --learning-rate 1.5e-3 --warmup-steps 150 \
        --batch-seconds 80 --max-minutes "${MINUTES:-88}" --set sampling=0.3,0.6 --set guide=0.2 \
        --set guide_until=0.2 --set short_first=no --dev-by corpus --validate-minutes 32 \
        --set dev_minutes=24 --set keep_best=3 --set keep_last=2 --processes 2 --output "$RUN"
    ;;
words) # word n-grams of all texts, beside the letters of the model in this folder
    texts=("$SHARED"/text/{english_novels.txt.zst,librispeech_train_clean_100.txt.gz}
        "$SHARED"/text/{common_voice_prompts_en.txt.gz,spoken.txt.gz})
    las train-lm --text "${texts[@]}" --model "$RUN" --letters-of models/en --most-ngrams 4000000 \
        --threads 1 --output "$RUN"
    ;;
resume) las train --resume --processes 2 --output "$RUN" ;;
written) # capitals and punctuation: an hour on one core; needs no recogniser but for the pauses
    python3 models/en/make_punctuation_text.py "$SHARED" "$DATA/texts"
    texts=("$DATA"/texts/{novels,prompts,prompts,prompts,speech}.txt)
    las train-punctuation --text "${texts[@]}" --language en --dropout 0 --epochs 10 --max-minutes 60 \
        --threads 1 --pauses "$SHARED/english" --model "$RUN" --output "$RUN"
    ;;
*) echo "make_model.sh: fetch, data, teacher, train, resume, onward, words or written, not $1" >&2; exit 2 ;;
esac
