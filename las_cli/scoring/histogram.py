"""Error rates of utterances in, a histogram as an SVG drawing out."""

from __future__ import annotations

from collections.abc import Iterable

BINS = (0, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)  # per cent, upper edges
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 240, 44, 16, 40


def histogram_counts(rates: Iterable[float]) -> list[tuple[str, int]]:
    """How many rates (1.0 is 100 %) lie in each bin; the first holds those without any error.

    >>> histogram_counts([0.0, 0.04, 0.05, 2.0])[:2]
    [('0', 1), ('0–5', 2)]
    """
    counts = [0] * (len(BINS) + 1)
    for rate in rates:
        place = next((i for i, edge in enumerate(BINS) if 100 * rate <= edge), len(BINS))
        counts[place] += 1
    labels = ["0", *(f"{low}–{high}" for low, high in zip(BINS, BINS[1:], strict=False))]
    return list(zip([*labels, f"> {BINS[-1]}"], counts, strict=True))


def histogram_svg(rates: Iterable[float], title: str) -> str:
    """The histogram as an SVG element that takes its colours from the page around it."""
    bins = histogram_counts(rates)
    highest = max(count for _, count in bins) or 1
    room = _HEIGHT - _TOP - _BOTTOM
    step = (_WIDTH - _LEFT) / len(bins)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">',
        f"<title>{title}</title>",
    ]
    for place, (label, count) in enumerate(bins):
        height = room * count / highest
        left, top = _LEFT + place * step, _TOP + room - height
        middle = left + step / 2
        parts.append(
            f'<rect class="bar" x="{left + 2:.1f}" y="{top:.1f}" '
            f'width="{step - 4:.1f}" height="{height:.1f}">'
            f"<title>{label} %: {count} utterances</title></rect>"
            f'<text x="{middle:.1f}" y="{top - 4:.1f}" text-anchor="middle">{count or ""}</text>'
            f'<text x="{middle:.1f}" y="{_TOP + room + 16}" text-anchor="middle">{label}</text>'
        )
    base = _TOP + room
    parts.append(f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{_WIDTH}" y2="{base}"/>')
    parts.append(
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">'
        "letter error rate of the utterance, %</text>"
        f'<text transform="translate(14 {_TOP + room / 2}) rotate(-90)" text-anchor="middle">'
        "utterances</text></svg>"
    )
    return "".join(parts)
