"""What the tests of figures read from them."""


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend_of(owner):
    """Texts of the legend of a figure or of axes."""
    legend = owner.legends[0] if hasattr(owner, "legends") else owner.get_legend()
    return [text.get_text() for text in legend.get_texts()]


def named(ax, label):
    """The line with this label."""
    (line,) = [each for each in ax.lines if each.get_label() == label]
    return line


def heights(band):
    """Lowest and highest point of a band."""
    values = band.get_paths()[0].vertices[:, 1]
    return values.min(), values.max()


def assert_holds_lines(ax, lines):
    """The limits of the axes lie outside of all points of these lines."""
    for line in lines:
        ends = (ax.get_xlim(), ax.get_ylim())
        for (low, high), values in zip(ends, line.get_xydata().T, strict=True):
            assert low < values.min()
            assert values.max() < high
