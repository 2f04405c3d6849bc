"""Line and bar charts as SVG, with nothing but the standard library."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 80, 170, 36, 48
COLOURS = ("#1f5fa8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#4d4d4d", "#008b8b", "#a0522d")


def number(value):
    """Three digits, and k and M for thousands and millions."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def frame(title, body, width=WIDTH, height=HEIGHT):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif" font-size="12">'
            f'<rect width="{width}" height="{height}" fill="white"/>'
            f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>{"".join(body)}</svg>\n')


def text(x, y, what, anchor="middle", colour="#222"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(str(what))}</text>'


def line(points, colour, width=2):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def lines(title, along, up, series):
    """Both axes logarithmic: what is flat is level, what is linear climbs at the angle of the dotted
    line. `series` is a list of (name, [(size, lowest, middle, highest)])."""
    found = [point for _, points in series for point in points]
    if not found:
        return frame(title, [])
    sizes = [point[0] for point in found]
    values = [value for point in found for value in point[1:] if value > 0]
    if not values:
        return frame(title, [])
    first, last = math.log10(min(sizes)), math.log10(max(sizes))
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    last = last if last > first else first + 1

    def place(size, value):
        across = (math.log10(size) - first) / (last - first)
        above = (math.log10(max(value, 10 ** low)) - low) / (high - low)
        return (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - above * (HEIGHT - TOP - BOTTOM))

    body = []
    for power in range(low, high + 1):
        _, y = place(min(sizes), 10 ** power)
        body.append(line([(LEFT, y), (WIDTH - RIGHT, y)], "#ddd", 1))
        body.append(text(LEFT - 6, y + 4, number(10.0 ** power), "end"))
    for size in sorted(set(sizes)):
        x, _ = place(size, 10 ** low)
        body.append(line([(x, TOP), (x, HEIGHT - BOTTOM)], "#eee", 1))
        body.append(text(x, HEIGHT - BOTTOM + 16, number(size)))
    body.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, along))
    body.append(text(8, TOP - 4, up, "start"))
    # From the lower right corner up to the left: ten times as much for ten times the size.
    reach = min(last - first, high - low)
    ends = [place(10 ** last, 10 ** (low + reach)), place(10 ** (last - reach), 10 ** low)]
    body.append(line(ends, "#999", 1).replace("<polyline", '<polyline stroke-dasharray="2 4"'))
    for index, (name, points) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        points = sorted(points)
        for size, lowest, _, highest in points:
            body.append(line([place(size, lowest), place(size, highest)], colour, 1))
        body.append(line([place(size, middle) for size, _, middle, _ in points], colour))
        y = TOP + 8 + 18 * index
        body.append(line([(WIDTH - RIGHT + 10, y), (WIDTH - RIGHT + 30, y)], colour))
        body.append(text(WIDTH - RIGHT + 36, y + 4, name, "start"))
    return frame(title, body)


def bars(title, unit, groups):
    """`groups` is a list of (group, [(name, lowest, middle, highest)]); the whiskers are the range."""
    names = list(dict.fromkeys(name for _, members in groups for name, *_ in members))
    highest = max((value[-1] for _, members in groups for value in members), default=0) or 1
    thick, gap, wide = 14, 14, WIDTH - LEFT - RIGHT - 60
    left, y, body = LEFT + 60, TOP + 22 * ((len(names) + 3) // 4), []
    for index, name in enumerate(names):
        x, top = 10 + 155 * (index % 4), TOP + 18 * (index // 4)
        body.append(f'<rect x="{x}" y="{top - 9}" width="10" height="10" '
                    f'fill="{COLOURS[index % len(COLOURS)]}"/>')
        body.append(text(x + 16, top, name, "start"))
    for group, members in groups:
        body.append(text(left - 8, y + len(members) * thick / 2 + 4, group, "end"))
        for name, low, middle, high in members:
            colour = COLOURS[names.index(name) % len(COLOURS)]
            size = [value / highest * wide for value in (low, middle, high)]
            body.append(f'<rect x="{left}" y="{y}" width="{size[1]:.1f}" height="{thick - 3}" fill="{colour}"/>')
            middle_y = y + (thick - 3) / 2
            body.append(line([(left + size[0], middle_y), (left + size[2], middle_y)], "#222", 1))
            body.append(text(left + max(size[1:]) + 6, y + thick - 4, number(middle), "start"))
            y += thick
        y += gap
    body.append(text(left, y + 4, unit, "start"))
    return frame(title, body, height=int(y + 20))
