"""A line of the result, and the table as text and as Markdown."""
import dataclasses


@dataclasses.dataclass
class Row:
    """One figure side by side. `ours` None: not measured. `target`: what DESIGN.md asks, as text; `met` decides."""
    work: str
    ours: float | None
    show: object  # turns a figure into text
    peers: dict = dataclasses.field(default_factory=dict)  # name: figure
    against: str | None = None  # the peer that the ratio is taken to
    target: str = ""
    met: bool | None = None

    def ratio(self):
        base = self.peers.get(self.against)
        return "%.2f" % (self.ours / base) if self.ours is not None and base else ""

    def cells(self):
        peers = "; ".join("%s %s" % (name, self.show(value)) for name, value in self.peers.items() if value is not None)
        ratio = self.ratio()
        return [self.work, "-" if self.ours is None else self.show(self.ours), peers or "-",
                "%s x %s" % (ratio, self.against) if ratio else "-", self.target or "-",
                "-" if self.met is None else "yes" if self.met else "NO"]


HEADINGS = ["work", "ours", "peers", "ratio", "target", "met?"]


def seconds(value):
    return "%.2f s" % value if value >= 1 else "%.0f ms" % (value * 1e3) if value >= 0.01 else "%.2f ms" % (value * 1e3)


def size(value):
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= scale:
            return "%.3g %s" % (value / scale, unit)
    return "%d B" % value


def mib(value):
    return "%.0f MiB" % (value / (1 << 20))


def rate(value):
    return "{:,.0f}/s".format(value)


def plain(value):
    return "%.2f" % value


def as_text(rows):
    """For a terminal: a peer a line."""
    blocks = [[[heading] for heading in HEADINGS]] + [[cell.split("; ") for cell in row.cells()] for row in rows]
    widths = [max(len(text) for block in blocks for text in block[i]) for i in range(len(HEADINGS))]
    lines = []
    for block in blocks:
        for n in range(max(map(len, block))):
            texts = (cell[n] if n < len(cell) else "" for cell in block)
            lines.append("  ".join(text.ljust(width) for text, width in zip(texts, widths)).rstrip())
    return "\n".join([lines[0], "  ".join("-" * width for width in widths)] + lines[1:])


def as_markdown(rows):
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows])
