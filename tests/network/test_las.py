"""The network: lengths respected everywhere, both spellers and attentions, configs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from las_cli.errors import LasError
from las_cli.network.config import (
    PRESETS,
    AttentionConfig,
    LASConfig,
    ListenerConfig,
    SpellerConfig,
)
from las_cli.network.las import LAS, count_parameters

UNITS = 9
LISTENERS = {
    "conv": ListenerConfig(channels=4, hidden=8, reductions=(1, 1), dropout=0.0),
    "conv and pyramid": ListenerConfig(channels=4, hidden=8, reductions=(1, 2), dropout=0.0),
    "plain pyramid": ListenerConfig(front_end="none", hidden=8, reductions=(2, 2), norm=False),
    "odd pyramid": ListenerConfig(front_end="none", hidden=8, reductions=(3, 1), dropout=0.0),
}
SPELLERS = {
    "parallel": (SpellerConfig("parallel", 6, 8, 2, 0.0), AttentionConfig("content", 2, 8)),
    "deep parallel": (SpellerConfig("parallel", 6, 8, 3, 0.0), AttentionConfig("content", 1, 8)),
    "feeding": (SpellerConfig("feeding", 6, 8, 2, 0.0), AttentionConfig("content", 2, 8)),
    "location": (SpellerConfig("feeding", 6, 8, 1, 0.0), AttentionConfig("location", 2, 8, 3, 4)),
}


def tiny(listener: str = "conv", speller: str = "parallel", **changes: object) -> LAS:
    torch.manual_seed(3)
    spells, attends = SPELLERS[speller]
    config = LASConfig(units=UNITS, listener=LISTENERS[listener], speller=spells, attention=attends)
    return LAS(replace(config, **changes)).eval()


def speech(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise of these lengths, zero beyond them."""
    waveforms = 0.1 * torch.randn(
        len(lengths), max(lengths), generator=torch.Generator().manual_seed(1)
    )
    for row, length in enumerate(lengths):
        waveforms[row, length:] = 0
    return waveforms, torch.tensor(lengths)


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("speller", SPELLERS)
@torch.no_grad()
def test_an_utterance_does_not_see_its_batch(listener: str, speller: str) -> None:
    model = tiny(listener, speller)
    waveforms, lengths = speech([9000, 5003, 7777, 1600])
    letters = torch.randint(2, UNITS, (4, 7), generator=torch.Generator().manual_seed(2))
    together = model(waveforms, lengths, letters)
    for row, length in enumerate(lengths.tolist()):
        alone = model(waveforms[row : row + 1, :length], lengths[row : row + 1], letters[row][None])
        steps = int(alone.lengths)
        assert int(together.lengths[row]) == steps == alone.weights.shape[2]
        torch.testing.assert_close(together.logits[row], alone.logits[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.ctc[row, :steps], alone.ctc[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            together.weights[row, :, :steps], alone.weights[0], atol=1e-5, rtol=0
        )
        assert together.weights[row, :, steps:].abs().sum() == 0


@pytest.mark.parametrize("speller", SPELLERS)
@torch.no_grad()
def test_steps_equal_teacher_forcing_in_any_beam(speller: str) -> None:
    model = tiny(speller=speller)
    states, steps = model.listen(*speech([9000, 5003]))
    letters = torch.randint(2, UNITS, (2, 6), generator=torch.Generator().manual_seed(2))
    memory = model.speller.remember(states, steps)
    forced, forced_weights = model.speller(letters, memory)
    state = model.speller.start(memory, 3)
    for u in range(letters.shape[1]):
        previous = letters[:, u : u + 1].expand(-1, 3)
        logits, state, weights = model.speller.step(previous, state, memory)
        # Hypotheses of an utterance are alike here, so any order of them is the same.
        state = model.speller.reorder(state, torch.tensor([[2, 0, 1], [1, 1, 0]]))
        for beam in range(3):
            torch.testing.assert_close(logits[:, beam], forced[:, u], atol=1e-5, rtol=0)
            torch.testing.assert_close(weights[:, beam], forced_weights[:, u], atol=1e-5, rtol=0)


@pytest.mark.parametrize("speller", ["parallel", "feeding"])
@torch.no_grad()
def test_sampling_replaces_letters_by_the_models_own(speller: str) -> None:
    model = tiny(speller=speller)
    states, sizes = model.listen(*speech([9000, 7000]))
    memory = model.speller.remember(states, sizes)
    letters = torch.randint(2, UNITS, (2, 12), generator=torch.Generator().manual_seed(2))
    right, _ = model.speller(letters, memory)
    own, _ = model.speller(letters, memory, 1.0)
    assert torch.allclose(right[:, 0], own[:, 0])  # the first letter has none before it
    assert not torch.allclose(right[:, 2:], own[:, 2:], atol=1e-4)
    # A speller that is sure of the right letters writes just these.
    if speller == "parallel":
        model.speller.output.weight.zero_()
        model.speller.output.bias.fill_(-50.0)[5] = 50.0
        same = torch.full_like(letters, 5)
        assert torch.equal(model.speller._with_own(same, memory, 1.0), same)


@torch.no_grad()
def test_reorder_moves_each_hypothesis_with_its_parent() -> None:
    model = tiny(speller="location")
    memory = model.speller.remember(*model.listen(*speech([9000, 5003])))
    state = model.speller.start(memory, 2)
    _, state, _ = model.speller.step(torch.tensor([[2, 3], [4, 5]]), state, memory)
    moved = model.speller.reorder(state, torch.tensor([[1, 0, 1], [0, 0, 0]]))
    for before, after in zip(state, moved, strict=True):
        assert after.shape[:2] == (2, 3)
        assert torch.equal(after[0, 0], before[0, 1])
        assert torch.equal(after[0, 1], before[0, 0])
        assert torch.equal(after[1, 2], before[1, 0])


@torch.no_grad()
def test_the_speller_never_writes_the_blank() -> None:
    model = tiny()
    output = model(*speech([9000]), torch.tensor([[1, 2, 3]]))
    assert (output.logits.softmax(-1)[..., 0] == 0).all()


@pytest.mark.parametrize("listener", LISTENERS)
@torch.no_grad()
def test_steps_are_as_long_as_the_config_says(listener: str) -> None:
    model = tiny(listener)
    _, steps = model.listen(*speech([16000 * 4]))
    assert int(steps) == pytest.approx(4 / model.config.step_seconds, abs=1)


@torch.no_grad()
def test_loudness_does_not_change_the_features() -> None:
    model = tiny()
    waveforms, lengths = speech([9000])
    loud, _ = model.features(waveforms, lengths)
    quiet, _ = model.features(waveforms * 10 ** (-50 / 20), lengths)
    torch.testing.assert_close(loud, quiet, atol=1e-3, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 500])
@torch.no_grad()
def test_silence_and_the_shortest_clips_give_finite_output(samples: int) -> None:
    model = tiny()
    output = model(torch.zeros(1, max(1, samples)), torch.tensor([samples]), torch.tensor([[1, 2]]))
    assert torch.isfinite(output.logits).all() and torch.isfinite(output.ctc).all()


@torch.no_grad()
def test_memory_lasts_in_a_new_network() -> None:
    """A cell forgets by σ(1) = 0.731 a step, in every LSTM and every layer of it."""
    model = tiny("plain pyramid", "deep parallel")
    lstms = [module for module in model.modules() if isinstance(module, torch.nn.LSTM)]
    assert len(lstms) == 2 * 2 + 2  # two directions of two layers; below and above the attention
    for lstm in lstms:
        for name, parameter in lstm.named_parameters():
            if name.startswith("weight"):
                parameter.zero_()
            elif name.startswith("bias"):
                gates = parameter.view(4, -1)  # torch's order: input, forget, cell, output
                gates[[0, 2, 3]] = 0.0
        ones = torch.ones(lstm.num_layers, 1, lstm.hidden_size)
        _, (_, cell) = lstm(torch.zeros(1, 1, lstm.input_size), (0 * ones, ones))
        torch.testing.assert_close(cell, 0.7310586 * ones)


def test_gradients_reach_every_weight() -> None:
    for speller in SPELLERS:
        model = tiny(speller=speller).train()
        output = model(*speech([9000, 5003]), torch.tensor([[1, 2, 3], [1, 4, 5]]))
        (output.logits.logsumexp(-1).sum() + output.ctc[..., 1].sum()).backward()
        idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        assert not idle, f"{speller}: {idle}"


def test_without_a_ctc_head_the_error_says_what_to_do() -> None:
    model = tiny(ctc=False)
    assert not model.has_ctc
    with pytest.raises(LasError, match="no CTC head.*a CTC weight of 0"):
        model.ctc_log_probs(torch.zeros(1, 4, 16))


@pytest.mark.parametrize(
    ("preset", "millions"), [("seed", 2.1), ("small", 3.5), ("base", 11.2), ("large", 31.7)]
)
def test_presets_have_the_size_their_comment_says(preset: str, millions: float) -> None:
    model = LAS(replace(PRESETS[preset], units=30))
    assert count_parameters(model) / 1e6 == pytest.approx(millions, abs=0.06)
    assert model.config.step_seconds == pytest.approx(0.040)


def test_configs_survive_json() -> None:
    import json

    for preset in PRESETS.values():
        assert LASConfig.from_json(json.loads(json.dumps(preset.to_json()))) == preset


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected an object"),
        ({"listner": {}}, "unknown fields listner"),
        ({"units": "28"}, "units is '28'"),
        ({"units": True}, "units is True"),
        ({"units": 10**9}, "units is 1000000000"),
        ({"listener": {"hidden": -1}}, "listener.hidden is -1"),
        ({"listener": {"hidden": 10**9}}, "listener.hidden"),
        ({"listener": {"reductions": [2, "2"]}}, "reductions must be a list of int"),
        ({"listener": {"reductions": []}}, "1 … 32 layers"),
        ({"listener": {"dropout": float("nan")}}, "dropout is nan"),
        ({"attention": {"heads": 3}}, "no multiple of 3 heads"),
        ({"attention": {"kind": "location"}}, "parallel speller needs content attention"),
        ({"speller": {"form": "sideways"}}, "parallel or feeding"),
    ],
)
def test_bad_configs_are_named(data: object, message: str) -> None:
    with pytest.raises(LasError, match=message):
        LASConfig.from_json(data)
