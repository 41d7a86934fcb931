"""Letters so far and the listener's states in, logits of the next letter out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from las_cli.network.attention import Memory, make_attention
from las_cli.network.config import AttentionConfig, SpellerConfig
from las_cli.network.packed_cells import lstm_cell, stack_layers, two_cells
from las_cli.padding import Places

# Everything a hypothesis carries from letter to letter; each tensor is [B, K, …], or [R, 1, …] in a
# flat batch of R hypotheses.
SpellerState = tuple[Tensor, ...]

BLANK_LOGIT = -1e4  # no text holds the CTC blank; finite, so that bf16 sums stay finite


class Speller(nn.Module):
    """LSTM letter decoder with attention (Chan et al. 2016, §3.2). See the two forms below."""

    def __init__(
        self, config: SpellerConfig, attention: AttentionConfig, states: int, units: int
    ) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(units, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.attention = make_attention(attention, states, config.hidden)
        self.output = nn.Linear(config.hidden + self.attention.size, units)

    def remember(self, states: Tensor, lengths: Tensor) -> Memory:
        """What attention needs of the listener's states [B, T, E] of `lengths` [B]."""
        return self.attention.remember(states, lengths)

    def start(self, memory: Memory, beams: int) -> SpellerState:
        """State of `beams` hypotheses an utterance before their first letter."""
        raise NotImplementedError

    def step(
        self,
        previous: Tensor,
        state: SpellerState,
        memory: Memory | None,
        places: Places | None = None,
    ) -> tuple[Tensor, SpellerState, Tensor]:
        """One letter on. previous [B, K] ids, the end of sentence at the start.

        memory: None where nothing is heard: the context is zero, and what is left is the language
            that the speller has learned (Meng et al. 2021, 2011.01991, section 3.1)
        places: of a flat batch, whose `previous` is [R, 1]; then only R hypotheses are computed
        Returns logits [B, K, V] in float32, the new state, and weights [B, K, T] (mean of heads).
        """
        raise NotImplementedError

    def start_both(self, memory: Memory, beams: int) -> SpellerState:
        """State for `both` before the first letter."""
        return self.start(memory, beams) * 2

    def both(
        self, previous: Tensor, state: SpellerState, memory: Memory, places: Places | None = None
    ) -> tuple[Tensor, Tensor, SpellerState]:
        """`step` with and without the memory at once, as a search needs them.

        Returns both logits [B, K, V] in float32 and the new state.
        """
        half = len(state) // 2
        heard, own, _ = self.step(previous, state[:half], memory, places)
        unheard, other, _ = self.step(previous, state[half:], None)
        return heard, unheard, (*own, *other)

    def reorder(self, state: SpellerState, parents: Tensor) -> SpellerState:
        """The state of hypotheses that go on from `parents` [B, K']."""
        rows = torch.arange(parents.shape[0], device=parents.device)[:, None]
        return tuple(tensor[rows, parents] for tensor in state)

    def forward(
        self, letters: Tensor, memory: Memory, sampling: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing. letters [B, U] begin with the end of sentence.

        sampling: share of letters taken from the model's own output instead (Bengio et al. 2015),
        so that it learns to go on after its own mistakes.
        Returns logits [B, U, V] in float32 and weights [B, U, T] (mean of heads).
        """
        raise NotImplementedError

    def _attend(
        self, query: Tensor, memory: Memory | None, previous: Tensor, places: Places | None
    ) -> tuple[Tensor, Tensor]:
        if memory is None:
            shape = query.shape[:-1]
            return query.new_zeros(*shape, self.attention.size), query.new_zeros(*shape, 1, 1)
        if places is None:
            context, weights = self.attention(query, memory, previous)
        else:
            context, weights = self.attention.of_rows(query, memory, previous, places)
        return context, weights

    def _logits(self, hidden: Tensor, context: Tensor) -> Tensor:
        joined = torch.cat([hidden, context.to(hidden.dtype)], dim=-1)
        with torch.autocast(joined.device.type, enabled=False):  # bf16 would round them to 1/16
            logits = self.output(self.dropout(joined.float()))
        blank = torch.zeros_like(self.output.bias, dtype=torch.float32)
        blank[0] = BLANK_LOGIT
        return logits + blank


class ParallelSpeller(Speller):
    """The first LSTM layer queries the attention, its context feeds the next layers.

    No letter waits for another's context, so teacher forcing runs all letters at once. Sampling
    takes a second pass (Mihaylova and Martins 2019): what the first one writes after the right
    letters replaces some of these.
    """

    def __init__(
        self, config: SpellerConfig, attention: AttentionConfig, states: int, units: int
    ) -> None:
        super().__init__(config, attention, states, units)
        self.below = nn.LSTM(config.embedding, config.hidden, batch_first=True)
        self.above = nn.LSTM(
            config.hidden + self.attention.size,
            config.hidden,
            num_layers=config.layers - 1,
            batch_first=True,
            dropout=config.dropout if config.layers > 2 else 0.0,
        )

    def start(self, memory: Memory, beams: int) -> SpellerState:
        shape = (memory.mask.shape[0], beams)
        keys, hidden, above = memory.keys, self.config.hidden, self.config.layers - 1
        return (
            keys.new_zeros(*shape, 1, hidden),
            keys.new_zeros(*shape, 1, hidden),
            keys.new_zeros(*shape, above, hidden),
            keys.new_zeros(*shape, above, hidden),
        )

    def step(
        self,
        previous: Tensor,
        state: SpellerState,
        memory: Memory | None,
        places: Places | None = None,
    ) -> tuple[Tensor, SpellerState, Tensor]:
        letters = self.embedding(previous)
        query, below = lstm_step(
            self.below, letters, state[0], state[1], (self.embedding, previous.flatten())
        )
        context, weights = self._attend(query, memory, query, places)
        joined = torch.cat([query, context.to(query.dtype)], dim=-1)
        hidden, above = lstm_step(self.above, joined, state[2], state[3])
        return self._logits(hidden, context), (*below, *above), weights.mean(2)

    def start_both(self, memory: Memory, beams: int) -> SpellerState:
        own = self.start(memory, beams)
        return (*own, *own[2:])  # the layer below hears nothing anyway

    def both(
        self, previous: Tensor, state: SpellerState, memory: Memory, places: Places | None = None
    ) -> tuple[Tensor, Tensor, SpellerState]:
        letters = self.embedding(previous)
        query, below = lstm_step(
            self.below, letters, state[0], state[1], (self.embedding, previous.flatten())
        )
        context, _ = self._attend(query, memory, query, places)
        shape, flat = previous.shape, [part.flatten(0, 1) for part in (query, context, *state[2:])]
        query, context, *layers = flat
        # [N, H] of the lowest layer above, heard and unheard.
        lowest = two_cells(
            self.above,
            query,
            context,
            (layers[0][:, 0], layers[1][:, 0]),
            (layers[2][:, 0], layers[3][:, 0]),
        )
        tops: list[Tensor] = []
        after: list[Tensor] = []
        for place, (hidden, cell) in enumerate(lowest):
            hiddens, cells = [hidden], [cell]
            for layer in range(1, self.config.layers - 1):
                before = (layers[2 * place][:, layer], layers[2 * place + 1][:, layer])
                hidden, cell = lstm_cell(self.above, layer, hidden, before)
                hiddens.append(hidden)
                cells.append(cell)
            tops.append(hidden)
            after += [stack_layers(hiddens), stack_layers(cells)]
        logits = self._logits(torch.cat(tops), torch.cat([context, torch.zeros_like(context)]))
        heard, unheard = (half.unflatten(0, shape) for half in logits.chunk(2))
        return heard, unheard, (*below, *(part.unflatten(0, shape) for part in after))

    def forward(
        self, letters: Tensor, memory: Memory, sampling: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        if sampling:
            letters = self._with_own(letters, memory, sampling)
        query, _ = self.below(self.dropout(self.embedding(letters)))  # [B, U, H]
        context, weights = self.attention(query, memory, query)
        joined = self.dropout(torch.cat([query, context.to(query.dtype)], dim=-1))
        hidden, _ = self.above(joined)
        return self._logits(hidden, context), weights.mean(2)

    def _with_own(self, letters: Tensor, memory: Memory, share: float) -> Tensor:
        """letters [B, U], `share` of them (but never the first) as the model writes them."""
        with torch.no_grad():
            logits, _ = self.forward(letters, memory)
            own = logits[:, :-1].argmax(-1)  # [B, U-1]: of the letters 1 …
            chosen = torch.rand(own.shape, device=own.device) < share
        return torch.cat([letters[:, :1], torch.where(chosen, own, letters[:, 1:])], dim=1)


class FeedingSpeller(Speller):
    """Input feeding: the context of a letter is part of the next one's input."""

    def __init__(
        self, config: SpellerConfig, attention: AttentionConfig, states: int, units: int
    ) -> None:
        super().__init__(config, attention, states, units)
        self.layers = nn.LSTM(
            config.embedding + self.attention.size,
            config.hidden,
            num_layers=config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )

    def start(self, memory: Memory, beams: int) -> SpellerState:
        shape = (memory.mask.shape[0], beams)
        keys, layers, hidden = memory.keys, self.config.layers, self.config.hidden
        return (
            keys.new_zeros(*shape, layers, hidden),
            keys.new_zeros(*shape, layers, hidden),
            keys.new_zeros(*shape, self.attention.size),
            self.attention.start(memory, beams),
        )

    def step(
        self,
        previous: Tensor,
        state: SpellerState,
        memory: Memory | None,
        places: Places | None = None,
    ) -> tuple[Tensor, SpellerState, Tensor]:
        letters = self.dropout(self.embedding(previous))
        joined = torch.cat([letters, state[2].to(letters.dtype)], dim=-1)
        hidden, layers = lstm_step(self.layers, joined, state[0], state[1])
        context, weights = self._attend(hidden, memory, state[3], places)
        return self._logits(hidden, context), (*layers, context, weights), weights.mean(2)

    def forward(
        self, letters: Tensor, memory: Memory, sampling: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        state = self.start(memory, 1)
        logits: list[Tensor] = []
        weights: list[Tensor] = []
        for u in range(letters.shape[1]):
            previous = letters[:, u : u + 1]  # [B, 1]
            if u and sampling:
                own = logits[-1].detach().argmax(-1)
                chosen = torch.rand(previous.shape, device=previous.device) < sampling
                previous = torch.where(chosen, own, previous)
            step_logits, state, step_weights = self.step(previous, state, memory)
            logits.append(step_logits)
            weights.append(step_weights)
        return torch.cat(logits, dim=1), torch.cat(weights, dim=1)


def make_speller(
    config: SpellerConfig, attention: AttentionConfig, states: int, units: int
) -> Speller:
    """The form of speller that `config.form` names."""
    kind = ParallelSpeller if config.form == "parallel" else FeedingSpeller
    return kind(config, attention, states, units)


def lstm_step(
    lstm: nn.LSTM,
    inputs: Tensor,
    hidden: Tensor,
    cell: Tensor,
    embedded: tuple[nn.Embedding, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One step of `lstm` for all hypotheses at once.

    inputs [B, K, D]; hidden and cell [B, K, L, H], L layers → output [B, K, H], (hidden, cell).
    embedded: of what and of which letters [B · K] `inputs` are the embeddings, if they are
    """
    batch, beams, layers, _ = hidden.shape
    out = inputs.reshape(batch * beams, -1)
    hiddens, cells = [], []
    for layer in range(layers):
        before = (hidden[:, :, layer].flatten(0, 1), cell[:, :, layer].flatten(0, 1))
        out, cell_after = lstm_cell(lstm, layer, out, before, None if layer else embedded)
        hiddens.append(out)
        cells.append(cell_after)
        if lstm.training and lstm.dropout and layer + 1 < layers:
            out = nn.functional.dropout(out, lstm.dropout)
    return out.view(batch, beams, -1), (
        stack_layers(hiddens).unflatten(0, (batch, beams)),
        stack_layers(cells).unflatten(0, (batch, beams)),
    )
