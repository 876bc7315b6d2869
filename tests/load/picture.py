"""Latency against rate as a handwritten SVG: readable on light and dark backgrounds, without scripts or embedded fonts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.small { font-size: 12px; fill: #52606d; }
.grid { stroke: #d9e2ec; stroke-width: 1; }
.goal { stroke: #8a6d00; stroke-dasharray: 5 4; stroke-width: 1.5; fill: none; }
.p50 { stroke: #0b6e4f; fill: #0b6e4f; } .p99 { stroke: #b5338a; fill: #b5338a; }
polyline { fill: none !important; stroke-width: 2.5; stroke-linejoin: round; }
.label { stroke: none; font-weight: 600; }
.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .small { fill: #9aa5b1; } .grid { stroke: #364152; } .ground { fill: #14181f; }
  .goal { stroke: #e0b83a; } .p50 { stroke: #4fd1a1; fill: #4fd1a1; } .p99 { stroke: #f08cc8; fill: #f08cc8; }
}
"""


@dataclass(frozen=True)
class Point:
    """One rate (messages per second) with its latencies in ms."""

    rate: float
    p50: float
    p99: float


def picture(points: Sequence[Point], subtitle: str) -> str:
    """The chart: the rate from 0 on the x axis, ms on a logarithmic y axis, with a line for each power of ten."""
    most = max(point.rate for point in points)
    values = [value for point in points for value in (point.p50, point.p99)] + [20.0]
    low, high = math.floor(math.log10(max(min(values), 0.01))), math.ceil(math.log10(max(values)))

    def x(rate: float) -> float:
        return LEFT + rate / most * (WIDTH - LEFT - RIGHT)

    def y(ms: float) -> float:
        return TOP + (high - math.log10(max(ms, 10**low))) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
        '<title id="t">Latency against rate</title>',
        f'<desc id="d">{_words(points)}</desc>',
        f'<style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text x="{LEFT}" y="20">From the intended sending to the receipt, ms</text>',
        f'<text class="small" x="{LEFT}" y="37">{subtitle}</text>',
    ]
    for power in range(low, high + 1):
        for ms, is_labelled in ((10.0**power, True), (3 * 10.0**power, power < high)):
            if ms <= 10.0**high and is_labelled:
                parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(ms):.1f}" y2="{y(ms):.1f}"/>')
                parts.append(f'<text class="small" x="{LEFT - 8}" y="{y(ms) + 4:.1f}" text-anchor="end">{ms:g}</text>')
    step = 10 ** math.floor(math.log10(most)) / (1 if most / 10 ** math.floor(math.log10(most)) > 3 else 5)
    for number in range(int(most / step) + 1):
        rate = number * step
        label = f"{rate:,.0f}".replace(",", "\u202f")
        parts.append(f'<text class="small" x="{x(rate):.1f}" y="{HEIGHT - 34}" text-anchor="middle">{label}</text>')
    parts.append(
        f'<text class="small" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">messages a second</text>'
    )
    for name, ms in (("goal: p50", 3.0), ("goal: p99", 20.0)):
        parts.append(f'<path class="goal" d="M{x(1000) - 26:.1f} {y(ms):.1f}h52"/>')
        parts.append(f'<text class="small" x="{x(1000):.1f}" y="{y(ms) - 6:.1f}" text-anchor="middle">{name}</text>')
    for name in ("p50", "p99"):
        line = [(x(point.rate), y(getattr(point, name))) for point in points]
        parts.append(f'<polyline class="{name}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in line)}"/>')
        parts += [f'<circle class="{name}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in line]
        below = -10 if name == "p99" else 20
        parts.append(
            f'<text class="label {name}" x="{line[-1][0]:.1f}" y="{line[-1][1] + below:.1f}" text-anchor="end">{name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _words(points: Sequence[Point]) -> str:
    return "; ".join(f"{point.rate:.0f}/s: p50 {point.p50:g} ms, p99 {point.p99:g} ms" for point in points)
