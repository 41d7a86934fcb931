"""Rooms, noise, telephones and warps: what they change, and what they must leave as it is."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from torch import Tensor

from las_cli.audio import noise as noises
from las_cli.audio.analysis import FeatureConfig
from las_cli.audio.augmentation import (
    QuietEdges,
    SoundAugmentation,
    SpecAugment,
    feature_augmentation,
    sound_augmentation,
    spec_augment,
)
from las_cli.audio.features import LogMel
from las_cli.audio.noise import NoiseMixer
from las_cli.audio.rooms import Room, Rooms, fast_size, in_room
from las_cli.audio.telephone import BAND, KINDS, Telephone, a_law, mu_law, over_telephone
from las_cli.audio.warp import Warp, band_centres, warp
from las_cli.errors import LasError

RATE = 16_000
NEAR = Room((4.0, 3.0, 2.5), (1.3, 1.9, 1.1), (1.7, 1.9, 1.1), fades=0.3, high_fades=0.7)
FAR = Room((8.0, 6.0, 3.0), (2.0, 2.0, 1.5), (5.0, 4.0, 1.2), fades=0.8, high_fades=0.7)


def hiss(samples: int = 40_000, seed: int = 1) -> Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def decibels(ratio: Tensor | float) -> float:
    return 10 * math.log10(float(ratio))


def share_above(waveform: Tensor, hertz: float) -> float:
    """dB of what lies above `hertz`, of all."""
    power = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs().square()
    return decibels(power[round(hertz / RATE * len(waveform)) :].sum() / power.sum() + 1e-30)


def share_below(waveform: Tensor, hertz: float) -> float:
    power = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs().square()
    return decibels(power[: round(hertz / RATE * len(waveform))].sum() / power.sum() + 1e-30)


@pytest.mark.parametrize("room", [NEAR, FAR])
def test_a_room_keeps_level_length_and_the_place_of_the_words(room: Room) -> None:
    click = torch.zeros(30_000)
    click[7000] = 0.5
    heard = in_room(click, room, 1)
    assert len(heard) == len(click) and heard.dtype == torch.float32
    assert heard.square().sum() == pytest.approx(0.25, rel=1e-4)
    # Nothing is heard before the direct sound, but for what the low cut leaks.
    assert decibels(heard[:6999].square().sum() / 0.25) < -25
    assert int(heard.abs().argmax()) == 7000
    reflected = float((room.reflections(1) ** 2).sum())
    direct = heard[7000] ** 2
    assert decibels(direct / (0.25 - direct)) == pytest.approx(-decibels(reflected), abs=1)
    speech = hiss()
    ratio = in_room(speech, room, 1).square().mean() / speech.square().mean()
    assert decibels(ratio) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("room", "direct"),
    # Direct to reflected energy by the book: the critical distance is 0.057 √(V / RT60).
    [(NEAR, 20 * math.log10(0.057 * (30 / 0.3) ** 0.5 / 0.4)),
     (FAR, 20 * math.log10(0.057 * (144 / 0.8) ** 0.5 / 3.618))],
)  # fmt: skip
def test_a_room_is_as_loud_and_fades_as_its_size_and_walls_say(room: Room, direct: float) -> None:
    dull = Room(room.size, room.mouth, room.microphone, room.fades)  # high sounds as long as low
    energy = np.cumsum(dull.reflections(1)[::-1] ** 2)[::-1]
    assert -decibels(energy[0]) == pytest.approx(direct, abs=2.5)
    at = [decibels(energy[round(share * room.fades * RATE)]) for share in (0.3, 0.7)]
    assert at[0] - at[1] == pytest.approx(0.4 * 60, abs=1.5)  # 60 dB in RT60
    if room is FAR:  # its images grow into its noise: 15 ms on each side of the seam
        images, noise = energy[400] - energy[640], energy[640] - energy[880]
        # 1.1 dB of fading, and some 2 since images that fall together add up.
        assert 0 < decibels(images / noise) < 5
    faster = np.cumsum(room.reflections(1)[::-1] ** 2)[::-1]
    assert faster[2000] < energy[2000]


def test_the_first_reflection_comes_when_and_as_loud_as_geometry_says() -> None:
    room = Room((8.0, 6.0, 3.0), (3.0, 3.0, 0.5), (5.0, 3.0, 0.5), fades=0.5)
    # Off the floor: √(2² + 1²) m against 2 m, 0.236 m later: 11 samples.
    found = room.reflections(1)
    assert np.flatnonzero(found)[0] == 11
    # Sabine–Eyring: walls of 180 m², 144 m³: a reflection keeps exp(−0.161 · 144 / 90) = 0.773.
    assert found[11] == pytest.approx(2 / 5**0.5 * 0.773**0.5, rel=1e-3)


def test_drawn_rooms_differ_and_lie_within_their_bounds() -> None:
    rooms = [Room.drawn(random.Random(seed)) for seed in range(300)]
    fades = [room.fades for room in rooms]
    assert 0.1 <= min(fades) < 0.15 and 0.75 < max(fades) <= 0.8
    distances = [room.distance for room in rooms]
    assert 0.2 <= min(distances) < 0.25 and 3 < max(distances) <= 4
    for room in rooms:
        for place in (room.mouth, room.microphone):
            assert all(
                0.3 - 1e-9 <= one <= side - 0.3 + 1e-9
                for one, side in zip(place, room.size, strict=True)
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_telephone_leaves_only_its_band(kind: str) -> None:
    sound = hiss()
    heard = over_telephone(sound, kind)
    assert len(heard) == len(sound) and heard.dtype == torch.float32
    assert share_above(sound, 3500) > -3 and share_above(heard, 3500) < -40
    assert share_below(sound, 240) > -16 and share_below(heard, 240) < -40
    lag = torch.fft.irfft(
        torch.fft.rfft(heard, 2**17) * torch.fft.rfft(sound, 2**17).conj(), 2**17
    ).argmax()
    assert int(lag) == 0
    # In the band a tone comes through as loud as it was.
    tone = 0.1 * torch.sin(2 * math.pi * 1000 / RATE * torch.arange(RATE))
    middle = slice(4000, 12000)
    ratio = over_telephone(tone, kind)[middle].square().mean() / tone[middle].square().mean()
    assert decibels(ratio) == pytest.approx(0, abs=1.0)


def test_plain_narrow_band_keeps_low_sounds() -> None:
    heard = over_telephone(hiss(), "plain", (50.0, 3900.0))
    assert share_above(heard, 4000) < -60
    assert share_below(heard, 240) > -14
    assert share_above(heard, 3600) > -14


@pytest.mark.parametrize("code", [mu_law, a_law])
def test_g711_has_256_steps_that_grow_with_the_sound(code) -> None:  # type: ignore[no-untyped-def]
    sound = torch.linspace(-1, 1, 100_001)
    heard = code(sound)
    assert 250 <= len(heard.unique()) <= 256
    wrong = (heard - sound).abs()
    assert wrong.max() < 0.025  # half a step at full scale: 1 · ln(256) / 127 / 2
    assert wrong[sound.abs() < 0.01].max() < 5e-4
    # 8 bits of G.711 give some 38 dB, whether loud or 20 dB below that; 8 even ones lose 20 dB.
    for level in (0.5, 0.05):
        tone = level * torch.sin(torch.arange(50_000) * 0.1)
        assert decibels(tone.square().mean() / (code(tone) - tone).square().mean()) > 34


def test_warping_by_1_changes_nothing_and_by_more_moves_formants_as_far() -> None:
    config = FeatureConfig()
    features = torch.randn(2, 7, 80, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(warp(features, torch.ones(2), config), features, atol=1e-6)
    centres = band_centres(config)
    # 80 bands from 20 to 7600 Hz on Slaney's scale: 33.8 mel are 82 gaps less one … the 24th band
    # lies at 895 Hz, the 51st at 2662 Hz.
    assert centres[0] == pytest.approx(56.4, abs=0.1)
    assert centres[-1] == pytest.approx(7320, abs=1)
    bank = torchaudio.functional.melscale_fbanks(80_001, 20.0, 7600.0, 80, RATE, None, "slaney")
    assert torch.allclose(bank.argmax(0) * 0.1, centres.float(), atol=0.2)
    spike = torch.zeros(1, 1, 80)
    for hertz in (600.0, 2000.0, 3500.0):
        spike.zero_()[0, 0, (centres - hertz).abs().argmin()] = 1
        place = float(centres[int(spike.argmax())])
        for factor in (0.9, 1.1):
            moved = warp(spike, torch.tensor([factor]), config)[0, 0].double()
            assert float((moved * centres).sum() / moved.sum()) == pytest.approx(
                place * factor, rel=0.02
            )
    top = torch.zeros(1, 1, 80)
    top[..., 75] = 1  # 6297 Hz, beyond the knee: by 1.1 it comes to 6502 Hz, not to 6927 Hz
    moved = warp(top, torch.tensor([1.1]), config)[0, 0].double()
    assert float((moved * centres).sum() / moved.sum()) == pytest.approx(6502, rel=0.01)


def test_a_vowel_of_a_shorter_tract_is_a_vowel_warped() -> None:
    """The features of tones at 1.1 f are those of tones at f, warped by 1.1."""
    config = FeatureConfig()
    log_mel = LogMel(config)

    def vowel(factor: float) -> Tensor:
        swell = 1 + torch.sin(torch.arange(RATE) * 0.002)
        tones = [torch.sin(2 * math.pi * f * factor / RATE * torch.arange(RATE)) * swell
                 for f in (700.0, 1200.0, 2600.0)]  # fmt: skip
        sound = sum(tones, torch.zeros(RATE)) + hiss(RATE) * 0.1
        return log_mel.mel(sound[None]).transpose(1, 2).clamp(min=1e-9).log()

    low, high = vowel(1.0), vowel(1.1)
    right = (warp(low, torch.tensor([1.1]), config) - high).abs().mean()
    wrong = (warp(low, torch.tensor([0.9]), config) - high).abs().mean()
    assert right < (low - high).abs().mean() / 2
    assert right < wrong / 3


def test_warps_are_drawn_evenly_for_each_utterance_and_repeat_with_torchs_numbers() -> None:
    config = FeatureConfig()
    spike = torch.zeros(200, 1, 80)
    spike[..., 40] = 1
    torch.manual_seed(1)
    found = Warp(0.1, config)(spike)
    torch.manual_seed(1)
    assert torch.equal(found, Warp(0.1, config)(spike))
    centres = band_centres(config)
    factors = (found[:, 0].double() * centres).sum(1) / found[:, 0].sum(1) / centres[40]
    assert 0.88 < float(factors.min()) < 0.92 and 1.08 < float(factors.max()) < 1.12
    assert float(factors.mean()) == pytest.approx(1, abs=0.015)
    assert len(factors.unique()) > 100


def test_what_is_off_draws_nothing() -> None:
    config, features, lengths = FeatureConfig(), torch.randn(3, 50, 80), torch.tensor([50, 40, 30])
    assert feature_augmentation(0.0, 0.0, config) is None
    masks = feature_augmentation(0.0, 1.0, config)
    assert masks is not None and masks.masks is not None
    torch.manual_seed(5)
    plain = masks.masks(features, lengths)
    torch.manual_seed(5)
    assert torch.equal(masks(features, lengths), plain)
    nothing = sound_augmentation(0.0, 0.0, (), 0.5, (5.0, 30.0), 0.0)
    assert nothing == SoundAugmentation()
    sound, draw = hiss(), random.Random(1)
    assert nothing(sound, draw, "1 0 a") is sound
    assert draw.random() == random.Random(1).random()


def test_rooms_and_telephones_leave_the_draws_of_edges_and_noise(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hiss.wav", hiss(80_000, 2).numpy(), RATE)
    mixer = NoiseMixer([tmp_path], 1.0, (10.0, 10.0))
    edges = QuietEdges(0.5)
    draws = [random.Random(3) for _ in range(2)]
    SoundAugmentation(edges, None, mixer)(hiss(), draws[0], "a")
    SoundAugmentation(edges, Rooms(1.0), mixer, Telephone(1.0))(hiss(), draws[1], "a")
    assert draws[0].getstate() == draws[1].getstate()


def test_the_clip_and_the_pass_alone_determine_what_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hiss.wav", hiss(80_000, 2).numpy(), RATE)

    def heard(key: str) -> Tensor:
        torch.manual_seed(random.SystemRandom().randrange(2**30))  # must not matter
        np.random.seed(random.SystemRandom().randrange(2**30))
        steps = sound_augmentation(0.3, 1.0, (str(tmp_path),), 1.0, (5.0, 30.0), 1.0)
        return steps(hiss(), random.Random(key), key)

    assert torch.equal(heard("1 0 a"), heard("1 0 a"))
    assert not torch.equal(heard("1 0 a")[:40_000], heard("1 1 a")[:40_000])


@pytest.mark.parametrize("effect", [Rooms, Telephone])
def test_shares_are_kept(effect: type[Rooms] | type[Telephone]) -> None:
    sound = hiss(2000)
    changed = {
        share: sum(effect(share)(sound, random.Random(i)) is not sound for i in range(200))
        for share in (0.0, 0.3, 1.0)
    }
    assert changed[0.0] == 0 and changed[1.0] == 200
    assert 40 <= changed[0.3] <= 80


@pytest.mark.parametrize("samples", [1, 2, 159, 1000])
def test_silence_and_the_shortest_clips_pass(samples: int) -> None:
    for sound in (torch.zeros(samples), hiss(samples)):
        for heard in (in_room(sound, FAR, 1), *(over_telephone(sound, kind) for kind in KINDS)):
            assert len(heard) == samples and torch.isfinite(heard).all()


def test_fast_sizes_are_even_and_little_more_than_asked_for() -> None:
    for samples in (1, 17, 1000, 65_537, 99_999):
        size = fast_size(samples)
        assert size >= samples and size % 2 == 0
        assert size <= max(64, samples * 1.125)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".OGG"])
def test_noise_of_every_format_is_heard(suffix: str, tmp_path: Path) -> None:
    form = {".opus": ("OGG", "OPUS"), ".ogg": ("OGG", "VORBIS"), ".OGG": ("OGG", "VORBIS"),
            ".mp3": ("MP3", None)}  # fmt: skip
    kind, subtype = form.get(suffix, (suffix[1:].upper(), None))
    soundfile.write(tmp_path / f"a{suffix}", hiss(RATE).numpy(), RATE, format=kind, subtype=subtype)
    sound = torch.sin(torch.arange(8000) * 0.1)
    added = NoiseMixer([tmp_path], 1.0, (10.0, 10.0))(sound, random.Random(1)) - sound
    assert decibels(sound.square().mean() / added.square().mean()) == pytest.approx(10, abs=0.01)


def test_folders_of_noise_weigh_alike_whatever_they_hold(tmp_path: Path) -> None:
    # One folder with one low tone, one with four high ones.
    for index, hertz in enumerate((200, 3000, 3000, 3000, 3000)):
        folder = tmp_path / ("low" if hertz == 200 else "high")
        folder.mkdir(exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * hertz / RATE * np.arange(8000))
        soundfile.write(folder / f"{index}.wav", tone, RATE)
    mixer = NoiseMixer([tmp_path / "low", tmp_path / "high"], 1.0, (0.0, 0.0))
    sound = hiss(8000) * 1e-3
    high = sum(share_above(mixer(sound, random.Random(i)) - sound, 1000) > -3 for i in range(300))
    assert 120 <= high <= 180
    with pytest.raises(LasError, match="none: holds no noise"):
        NoiseMixer([tmp_path / "low", tmp_path / "none"], 1.0, (0.0, 0.0))


def test_noise_held_in_memory_is_the_noise_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("short", 2), ("long", 4)):
        soundfile.write(tmp_path / f"{name}.wav", hiss(seconds * RATE, seconds).numpy(), RATE)
    sound = hiss(10_000)
    monkeypatch.setattr(noises, "HELD_SECONDS", 3.0)
    some = NoiseMixer([tmp_path], 1.0, (10.0, 10.0))
    assert [path.name for path in some.held] == ["short.wav"]
    monkeypatch.setattr(noises, "HELD_SECONDS", 0.0)
    none = NoiseMixer([tmp_path], 1.0, (10.0, 10.0))
    assert not none.held
    for seed in range(8):
        one, other = (mixer(sound, random.Random(seed)) for mixer in (some, none))
        assert torch.allclose(one, other, atol=1e-5)
    assert some._sound and not some.__getstate__()["_sound"]  # workers are not sent it
    assert BAND == (300.0, 3400.0)


def test_spec_augment_masks_within_its_limits() -> None:
    torch.manual_seed(1)
    features, lengths = torch.ones(40, 300, 80), torch.full((40,), 300)
    lengths[0] = 50
    kept = SpecAugment()(features, lengths)
    frames = (kept.sum(2) == 0).sum(1)
    bands = (kept.sum(1) == 0).sum(1)
    assert frames.max() <= 2 * 30 and frames[0] <= 2 * 5 and bands.max() <= 2 * 27
    assert frames.float().mean() > 5 and bands.float().mean() > 5
    assert (SpecAugment(frequency_width=0, time_width=0)(features, lengths) == 1).all()
    # Park et al. 2019: LibriSpeech double, but for masks of a tenth of the utterance at most.
    usual = SpecAugment(2, 27, 2, 100, 0.1)
    assert spec_augment(1.0) == usual and spec_augment(0.0) is None


def test_long_noise_whose_header_tells_of_more_than_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import random

    monkeypatch.setattr("las_cli.audio.noise.HELD_SECONDS", 0.0)
    path = tmp_path / "hiss.flac"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 32000), 16000)
    data = bytearray(path.read_bytes())
    data[22:26] = (64_000_000).to_bytes(4, "big")  # samples: RFC 9639, section 8.2
    path.write_bytes(data)
    mixer = NoiseMixer([tmp_path], share=1.0, snr=(10.0, 10.0))
    speech = torch.sin(torch.arange(16000) * 0.1)
    assert float((mixer(speech, random.Random(1)) - speech).square().mean()) > 0.01


def test_noise_is_mixed_in_at_the_ratio_asked_for(tmp_path: Path) -> None:
    import random

    soundfile.write(tmp_path / "hiss.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 16000)
    mixer = NoiseMixer([tmp_path], share=1.0, snr=(10.0, 10.0))
    speech = torch.sin(torch.arange(20000) * 0.1)
    noise = mixer(speech, random.Random(1)) - speech
    ratio = 10 * math.log10(float(speech.square().mean() / noise.square().mean()))
    assert ratio == pytest.approx(10, abs=0.5)
    with pytest.raises(LasError, match="no noise recordings"):
        NoiseMixer([tmp_path / "none"], 1.0, (5.0, 5.0))
