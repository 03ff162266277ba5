"""The table of runs in a browser: it sorts, filters, and holds thousands of rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.report.html import Page, render

from ..robustness.made_up import run

NUM_RUNS = 5000
PAGE = 100


@pytest.fixture(scope="module")
def runs():
    """Records whose order as texts is not their order as numbers."""
    generator = np.random.default_rng(0)
    rates = 10 ** generator.uniform(-6, 1, NUM_RUNS)
    losses = generator.uniform(0, 200, NUM_RUNS)
    losses[generator.random(NUM_RUNS) < 0.3] = math.nan
    return pd.DataFrame(
        [
            run(
                ("lion", "adamw")[i % 2],
                float(f"{rates[i]:.6g}"),
                seed=i,
                key=f"key{i:05d}",
                final_loss=float(f"{losses[i]:.6g}"),
                status="diverged" if math.isnan(losses[i]) else "ok",
                reason="loss is not finite" if math.isnan(losses[i]) else None,
            )
            for i in range(NUM_RUNS)
        ]
    )


@pytest.fixture(scope="module")
def path(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    page = Page(title="many", question="", sections=(), runs=runs)
    path.write_text(render(page), encoding="utf-8")
    return path


def heading(page, name):
    return page.locator("#run-table th").filter(
        has=page.get_by_role("button", name=name, exact=True)
    )


def press(page, name):
    heading(page, name).get_by_role("button").click()


def column(page, name):
    return page.locator(f'#run-table td[data-column="{name}"]').all_inner_texts()


def keys(page):
    return column(page, "key")


def all_rows(page):
    more = page.locator("#run-more")
    while more.is_visible():
        more.click()


def test_thousands_of_rows_come_a_page_at_a_time(visit, path, runs):
    page = visit(path)
    assert keys(page) == runs["key"][:PAGE].tolist()
    assert page.locator("#run-count").inner_text() == (
        "5000 of 5000 runs; the first 100 are shown"
    )
    page.get_by_role("button", name="Show 100 more").click()
    assert keys(page) == runs["key"][: 2 * PAGE].tolist()


@pytest.mark.parametrize("name", ["learning_rate", "seed", "final_loss"])
def test_numbers_sort_as_numbers_in_both_directions(visit, path, runs, name):
    page = visit(path)
    for order, ascending in (("ascending", True), ("descending", False)):
        press(page, name)
        assert heading(page, name).get_attribute("aria-sort") == order
        expected = runs.sort_values(name, ascending=ascending, kind="stable")
        assert keys(page) == expected["key"][:PAGE].tolist()
    others = page.locator('#run-table th[aria-sort="none"]')
    assert others.count() == page.locator("#run-table th").count() - 1


def test_what_is_missing_comes_last_in_both_directions(visit, path, runs):
    page = visit(path)
    # 30 % of 20 rows at least: enough to see them at the end.
    page.locator("#run-search").fill("key0001")
    for _ in range(2):
        press(page, "final_loss")
        known = [text != "" for text in column(page, "final_loss")]
        assert known == sorted(known, reverse=True)
        assert 0 < sum(known) < len(known) == 10


def test_words_sort_and_a_key_press_is_enough(visit, path):
    page = visit(path)
    heading(page, "optimizer").get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading(page, "optimizer").get_attribute("aria-sort") == "ascending"
    assert set(column(page, "optimizer")) == {"adamw"}
    page.keyboard.press("Space")
    assert set(column(page, "optimizer")) == {"lion"}


def test_search_and_choices_narrow_the_runs_together(visit, path, runs):
    page = visit(path)
    page.get_by_label("optimizer").select_option("lion")
    assert page.locator("#run-count").inner_text().startswith("2500 of 5000 runs")
    page.get_by_label("status").select_option("diverged")
    wanted = runs.query("optimizer == 'lion' and status == 'diverged'")
    count = page.locator("#run-count")
    assert count.inner_text().startswith(f"{len(wanted)} of 5000 runs")
    page.get_by_label("Search").fill("FINITE key0499")
    wanted = wanted[wanted["key"].str.startswith("key0499")]
    assert keys(page) == wanted["key"].tolist()
    assert count.inner_text() == f"{len(wanted)} of 5000 runs"
    assert page.locator("#run-more").is_hidden()
    page.get_by_label("Search").fill("nothing has this")
    assert count.inner_text() == "0 of 5000 runs"


def test_sorting_keeps_the_filter_and_reaches_all_rows(visit, path, runs):
    page = visit(path)
    page.get_by_label("Search").fill("key04")
    press(page, "learning_rate")
    all_rows(page)
    wanted = runs[runs["key"].str.startswith("key04")]
    assert keys(page) == wanted.sort_values("learning_rate")["key"].tolist()


def test_without_scripts_the_page_names_the_file(visit, path):
    page = visit(path, java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert "runs.csv" in page.locator("noscript p").inner_text()
    assert page.locator("#run-browser").is_hidden()
    assert visit(path).locator("noscript p").count() == 0


def test_on_paper_the_table_is_left_out(visit, path):
    page = visit(path)
    page.emulate_media(media="print")
    assert page.locator("#run-browser").is_hidden()
    assert page.get_by_role("heading", name="Runs").is_visible()
