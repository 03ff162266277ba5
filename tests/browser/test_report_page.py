"""A whole report in a browser: on a phone, in the dark, with hostile names."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from keras_lion.report.write import write_pages

from ..robustness.made_up import study

EVIL = "<script>alert(1)</script>"
LONG = "x" * 200
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, of text
# The smallest contrast of a text with what lies behind it, and that text.
CONTRAST = """
() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const linear = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = [Infinity, ""];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3
      && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const pair = [numbers(getComputedStyle(element).color), behind(element)];
    const [dim, bright] = pair.map(light).sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dim + 0.05);
    if (contrast < least[0]) least = [contrast, element.outerHTML.slice(0, 100)];
  }
  return least;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report with every kind of part, on tasks with names that nobody expects."""
    folder = tmp_path_factory.mktemp("report")
    frame = pd.concat(
        [
            study(size=4).assign(task=EVIL, reason=EVIL),
            study(size=3).assign(task=LONG),
            study(size=3).assign(task="digits", batch_size=32),
            study(size=3).assign(task="digits", batch_size=64),
        ],
        ignore_index=True,
    )
    frame.loc[frame.index[:2], "status"] = "failed"
    declaration = {
        "name": EVIL,
        "question": f"{EVIL} {LONG}",
        "comparison": {"statement": EVIL, "epsilon": {EVIL: 0.05, LONG: 0.05}},
    }
    environment = {"python": EVIL, "packages": {LONG: EVIL}, "earlier": [{"a": "b"}]}
    write_pages(folder, frame, declaration, environment, notes=[EVIL])
    return folder


@pytest.fixture(scope="module")
def path(folder):
    return folder / "report.html"


def test_names_are_text_and_file_names_are_plain(visit, folder, path):
    page = visit(path)
    assert page.title() == EVIL
    titles = page.locator("main h2").all_inner_texts()
    assert EVIL in titles
    assert LONG in titles
    assert page.locator("script").count() == 2
    assert page.locator("figure").count() == len(list((folder / "figures").iterdir()))
    names = [path.name for path in (folder / "figures").iterdir()]
    assert all(re.fullmatch(r"[a-z0-9_-]{1,100}\.png", name) for name in names)
    page.get_by_label("task").select_option(EVIL)
    tasks = page.locator('#run-table td[data-column="task"]')
    assert set(tasks.all_inner_texts()) == {EVIL}


def test_figures_are_shown_as_large_as_they_are(visit, path):
    page = visit(path)
    shapes = page.eval_on_selector_all(
        "img",
        """images => images.map(image => [image.naturalWidth, image.naturalHeight,
        Number(image.getAttribute("width")), Number(image.getAttribute("height")),
        image.clientWidth / image.clientHeight])""",
    )
    assert shapes
    for width, height, stated_width, stated_height, ratio in shapes:
        assert (width, height) == (stated_width, stated_height)
        assert ratio == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize("width", [390, 320, 1200])
def test_nothing_is_wider_than_the_screen(visit, path, width):
    page = visit(path, viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Wide tables scroll inside their boxes, figures shrink.
    wide = page.evaluate(
        """() => [...document.querySelectorAll("img, .wide, .environment, select")]
        .map(box => box.getBoundingClientRect().right)"""
    )
    assert max(wide) <= width


def test_no_column_is_hidden_where_there_is_room(visit, tmp_path):
    frame = study(size=3, optimizers=("adamw", "lion", "schedule_free_adamw"))
    frame["reason"] = frame["reason"].astype(object)
    frame.loc[frame.index[-9:], "reason"] = "final accuracy 0.06 is chance"
    # Every column that a study may differ in.
    frame["dropout"] = 0.1 * (frame["seed"] % 2)
    frame["epochs"] = 20 + frame["seed"]
    declaration = {"name": "s", "comparison": {"epsilon": {"digits": 0.05}}}
    write_pages(tmp_path, frame, declaration, {}, drawings=())
    page = visit(tmp_path / "report.html", viewport={"width": 1280, "height": 900})
    boxes = page.eval_on_selector_all(
        ".wide",
        """boxes => boxes.map(box => [box.ariaLabel, box.scrollWidth, box.clientWidth,
        box.getBoundingClientRect().left, box.getBoundingClientRect().right])""",
    )
    assert len(boxes) > 2
    for label, content, shown, left, right in boxes:
        assert left >= 0
        assert right <= 1280
        # What does not fit has the whole width.
        assert content <= shown or right - left > 1200, label
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_all_cautions_but_three_are_folded(visit, tmp_path):
    frame = study(size=3)
    notes = [f"Note {i}." for i in range(5)]
    write_pages(tmp_path, frame, {"name": "s"}, {}, notes=notes, drawings=())
    page = visit(tmp_path / "report.html")
    seen = [page.get_by_text(note, exact=True).is_visible() for note in notes]
    assert seen == [True, True, True, False, False]
    page.locator("summary").first.click()
    assert page.get_by_text(notes[-1], exact=True).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(visit, path, scheme):
    page = visit(path, color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shades = [int(value) for value in re.findall(r"\d+", colour)[:3]]
    assert max(shades) < 64 if scheme == "dark" else min(shades) > 240
    contrast, where = page.evaluate(CONTRAST)
    assert contrast >= LEAST_CONTRAST, where
    # The figures are drawn on white.
    cards = page.eval_on_selector_all(
        ".card", "cards => cards.map(card => getComputedStyle(card).backgroundColor)"
    )
    assert set(cards) == {"rgb(255, 255, 255)"}


def test_the_answer_comes_before_everything_else(visit, path):
    page = visit(path, viewport={"width": 1200, "height": 800})
    answer = page.locator(".answer").first.bounding_box()
    others = [page.locator(name).first.bounding_box() for name in ("table", "figure")]
    assert all(answer["y"] < other["y"] for other in others)
    assert answer["y"] + answer["height"] < 800
