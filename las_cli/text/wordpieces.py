"""Text in, word-piece ids out: sentencepiece units behind the interface of the alphabet."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable
from typing import Any

from las_cli.errors import LasError
from las_cli.text.units import FIRST, fingerprint_of


def _sentencepiece() -> Any:
    """The optional package; LasError without it."""
    try:
        import sentencepiece
    except ImportError as error:
        raise LasError(
            "word pieces need the package sentencepiece: pip install 'las-cli[wordpieces]'"
        ) from error
    return sentencepiece


class WordPieces:
    """Sub-word units (Kudo & Richardson 2018), ids shifted behind blank and end of sentence."""

    kind = "wordpieces"

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._pieces = _sentencepiece().SentencePieceProcessor(model_proto=model)
        self._units = tuple(
            self._pieces.id_to_piece(i) for i in range(1, self._pieces.get_piece_size())
        )

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> WordPieces:
        """`size` BPE units learned from `texts` (already normalised)."""
        out = io.BytesIO()
        trainer = _sentencepiece().SentencePieceTrainer
        try:
            trainer.train(
                sentence_iterator=iter(texts),
                model_writer=out,
                vocab_size=size + 1,  # and sentencepiece's own unknown
                model_type="bpe",
                character_coverage=1.0,
                normalization_rule_name="identity",
                bos_id=-1,
                eos_id=-1,
                unk_id=0,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise LasError(
                f"{size} word pieces cannot be learned from this text ({error}); choose fewer"
            ) from error
        return cls(out.getvalue())

    @property
    def units(self) -> tuple[str, ...]:
        return self._units

    def __len__(self) -> int:
        """V: the pieces, the blank and the end of sentence."""
        return FIRST + len(self._units)

    def encode(self, text: str, skip_unknown: bool = False) -> list[int]:
        """Ids of the pieces of `text`; LasError names letters no piece covers."""
        if not skip_unknown and (unknown := self.unknown(text)):
            listed = " ".join(sorted(unknown))
            raise LasError(f"text {text[:60]!r}: letters outside the word pieces: {listed}")
        return [FIRST + i - 1 for i in self._pieces.encode(text) if i > 0]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; blank and end of sentence write nothing."""
        pieces = [int(i) - FIRST + 1 for i in ids if i >= FIRST]
        return str(self._pieces.decode(pieces)) if pieces else ""

    def unknown(self, text: str) -> set[str]:
        """Letters of `text` that no piece holds."""
        return set(text) - set("".join(self._units)) - {" "}

    @property
    def fingerprint(self) -> str:
        """Changes whenever an id would mean another piece."""
        return fingerprint_of(self.kind, self._units)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "model": base64.b64encode(self._model).decode("ascii")}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WordPieces:
        """The pieces that `to_json` described; LasError if the model is not valid base64."""
        try:
            return cls(base64.b64decode(data.get("model", ""), validate=True))
        except (binascii.Error, TypeError, RuntimeError) as error:
            raise LasError(f"alphabet.json: the word-piece model is damaged ({error})") from error
