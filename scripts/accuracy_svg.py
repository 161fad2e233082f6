# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Drawing for accuracy_report.py: axes, legend, markers, and labels that do not cover each other.
"""
import html
import math

SVG_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="800" height="520" viewBox="0 0 800 520"
 font-family="sans-serif" font-size="12" fill="#222">
<rect width="800" height="520" fill="#fff"/>"""
LEFT, RIGHT, TOP, BOTTOM = 70, 780, 76, 466  # of the plotting area
LABEL_HEIGHT, CHAR_WIDTH, MOST_HIDDEN = 11, 6.2, 16
STYLES = [  # colours that the colour-blind tell apart, each with its own marker
    ("#0072b2", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z"),
    ("#d55e00", "M-3.6-3.6h7.2v7.2h-7.2Z"),
    ("#009e73", "M0-4.8L4.5 3.4h-9Z"),
    ("#cc79a7", "M0-5L5 0 0 5-5 0Z"),
    ("#b07a00", "M0 4.8L4.5-3.4h-9Z"),
]
SOLID, DASHED = ' stroke="#333" stroke-width="1.4"', ' stroke="#333" stroke-dasharray="6 4"'


def svg_text(x, y, text, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{html.escape(text)}</text>'


def svg_line(points, more):
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none"{more}/>'


def svg_marker(point, style, title=""):
    return (f'<path d="{style[1]}" transform="translate({point[0]:.1f} {point[1]:.1f})" '
            f'fill="{style[0]}" stroke="#fff" stroke-width="0.7">'
            f'<title>{html.escape(title)}</title></path>')


def nice_ticks(low, high, is_log):
    if is_log and high / low > 2.5:
        for mantissas in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1,)):
            ticks = [m * 10.0 ** d for d in range(-3, 16) for m in mantissas]
            ticks = [tick for tick in ticks if low <= tick <= high]
            if len(ticks) <= 10:
                return ticks
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if (high - low) / (step * m) <= 8)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def make_axis(low, high, start, end, forward):
    low, high = forward(low), forward(high)
    return lambda value: start + (end - start) * (forward(value) - low) / (high - low)


def axes(x_axis, x_ticks, y_axis, y_ticks, titles):
    grid, center = ' stroke="#e4e4e4"', ' text-anchor="middle"'
    x, y = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    lines = [svg_text(x, 26, titles[0], center + ' font-size="16"'),
             svg_text(x, BOTTOM + 39, titles[1], center),
             svg_text(18, y, titles[2], f'{center} transform="rotate(-90 18 {y})"')]
    for tick in x_ticks:
        lines.append(svg_line([(x_axis(tick), TOP), (x_axis(tick), BOTTOM)], grid))
        lines.append(svg_text(x_axis(tick), BOTTOM + 17, str(tick), center))
    for tick in y_ticks:
        lines.append(svg_line([(LEFT, y_axis(tick)), (RIGHT, y_axis(tick))], grid))
        lines.append(svg_text(LEFT - 7, y_axis(tick) + 4, f"{tick:.6g}", ' text-anchor="end"'))
    return lines + [svg_line([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], ' stroke="#444"')]


def legend(styles, raw):
    """One row above the plotting area, where it hides nothing."""
    lines, x, y = [], LEFT + 6, TOP - 18
    for name, style in styles.items():
        lines += [svg_marker((x, y), style), svg_text(x + 10, y + 4, name)]
        x += 36 + 7 * len(name)
    strokes = [("Pareto frontier", SOLID)] + [(f"raw {value:.3f}", DASHED) for value in raw]
    for name, stroke in strokes:
        lines += [svg_line([(x, y), (x + 24, y)], stroke), svg_text(x + 30, y + 4, name)]
        x += 56 + 7 * len(name)
    return lines


def between(a, b, count):
    return [(a[0] + (b[0] - a[0]) * i / count, a[1] + (b[1] - a[1]) * i / count)
            for i in range(count + 1)]


def label_places(x, y, width):
    """(distance, leader's end, box) around a point, inside the plotting area, near ones first."""
    for distance in (9, 20, 34, 50):
        for angle in range(0, 360, 30):
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            left = x + distance * dx - width * (1 - dx) / 2
            top = y + distance * dy - LABEL_HEIGHT * (1 - dy) / 2
            if LEFT < left and left + width < RIGHT and TOP < top and top + LABEL_HEIGHT < BOTTOM:
                yield (distance, (x + distance * dx, y + distance * dy),
                       (left - 2, top - 2, left + width + 2, top + LABEL_HEIGHT + 2))


def place_labels(labels, obstacles):
    """Each label where it covers least; none where it would hide much or meet another label."""
    lines, taken = [], []
    for point, text in labels:
        width, best = CHAR_WIDTH * len(text), (MOST_HIDDEN, None, None)
        for distance, end, box in label_places(*point, width):
            leader = between(point, end, 8) if distance > 9 else []
            if any(x > b[0] and y > b[1] and left < b[2] and top < b[3] for b in taken
                   for left, top, x, y in [box] + [p + p for p in leader]):
                continue
            cost = 0.25 * distance + 4 * sum(box[0] <= x <= box[2] and box[1] <= y <= box[3]
                                             for x, y in obstacles)
            best = min(best, (cost, box, leader), key=lambda place: place[0])
        _, box, leader = best
        if box:
            taken.append(box)
            obstacles = obstacles + leader
            lines += [svg_line(leader, ' stroke="#888" stroke-width="0.7"')] if leader else []
            lines.append(svg_text(box[0] + 2, box[3] - 4, text, f' font-size="11" textLength='
                                  f'"{width:.1f}" stroke="#fff" stroke-width="3" '
                                  'paint-order="stroke"'))
    return lines
