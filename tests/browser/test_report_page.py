"""The report as a reader meets it: in a browser, from disk, without a network."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from synthetic import HOSTILE, SHOWN, Run

from selfalign.report.text import amount, percent, points

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def plain(tmp_path_factory) -> Path:
    """Report of a small run in which all is well."""
    return Run(tmp_path_factory.mktemp("plain"), pairs=40, checkpoints=2).write()


def accessible(page, where: str = "document") -> None:
    # Playwright's own world: the page's policy rightly lets no foreign script in.
    found = page.evaluate(f"async () => {{ {AXE}; return (await axe.run({where})).violations; }}")
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_accessible_and_fits_in_both_themes(opened, plain, theme, width):
    report = opened(plain / "report.html", width=width, theme=theme)
    for name in ("problems", "explorer"):
        report.part(name)
    report.page.wait_for_selector("#chart-scores svg")
    assert report.page.evaluate("document.documentElement.scrollWidth") <= width
    accessible(report.page)
    report.page.locator("#explorer button.open").first.click()
    report.page.wait_for_selector("dialog[open] .step")
    accessible(report.page)
    report.quiet()


def test_every_link_filter_and_button_works(opened, plain):
    report = opened(plain / "report.html")
    page = report.page
    for link in page.locator("nav a").all():
        link.click()
        assert page.locator(page.evaluate("location.hash")).is_visible()
    explorer, dialog = report.part("explorer"), page.locator("dialog")
    count = explorer.locator(".count")
    for choice in explorer.locator("select").all():
        options = choice.locator("option").all_text_contents()[1:]
        assert options
        choice.select_option(index=1)
        assert f"of {amount(40)} pairs match" in count.text_content()
        choice.select_option(index=0)
    assert count.text_content() == "40 of 40 pairs match."
    explorer.get_by_label("category", exact=True).select_option("class")
    expect(count).to_have_text("13 of 40 pairs match.")
    explorer.get_by_label("category", exact=True).select_option("")
    title = explorer.locator("button.open").nth(3).text_content()
    explorer.get_by_role("searchbox").fill(title[:60])
    expect(count).to_have_text("1 of 40 pairs match.")
    explorer.locator("button.open").first.focus()
    page.keyboard.press("Enter")
    dialog.locator(".step").first.wait_for()
    expect(dialog.get_by_text("2 samples and their verdicts")).to_be_visible()
    expect(page).to_have_url(re.compile("#pair/p"))
    address = page.url
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page).not_to_have_url(re.compile("#pair"))
    explorer.get_by_role("searchbox").fill("")
    page.get_by_label("Pages of Pairs").get_by_label("Next Page").click()
    for button in page.locator("button[data-dropped]").all():
        button.click()
        dialog.locator("pre").first.wait_for()
        page.locator("#dialog-close").click()
    report.quiet()
    # A pair can be cited by its address.
    linked = opened(Path(address.removeprefix("file://").split("#")[0] + "#" + address.split("#")[1]))
    linked.page.wait_for_selector("dialog[open] .step")


def test_problems_show_both_answers(opened, plain):
    report = opened(plain / "report.html")
    problems, dialog = report.part("problems"), report.page.locator("dialog")
    assert problems.locator(".count").text_content().startswith("5 gained, 0 lost, 55 both")
    problems.get_by_label("Outcome").select_option("gained")
    expect(problems.locator(".count")).to_have_text(re.compile("5 shown.$"))
    problems.locator("button.open").first.click()
    dialog.locator(".sides pre").nth(1).wait_for()
    assert dialog.locator(".sides h4").all_text_contents() == ["fake", "tuned-0"]
    report.page.keyboard.press("Escape")
    problems.get_by_label("Second model").select_option("tuned-1")
    expect(problems.locator(".count")).to_have_text(re.compile("^6 gained"))
    problems.get_by_label("Benchmark", exact=True).select_option("humaneval-plus")
    expect(problems.locator(".count")).to_have_text(re.compile("^5 gained"))
    report.quiet()


@pytest.mark.parametrize("width", [1280, 400])
def test_arms_stand_beside_each_other_and_say_what_is_real(opened, tmp_path, width):
    run = Run(tmp_path, pairs=20, checkpoints=2)
    run.inputs["scores"] = []
    for name, correct in (("fake", 5), ("tuned-0", 60), ("tuned-1", 61)):
        run.scores(name, correct)
    folder = run.write()
    arms = json.loads((folder / "report.json").read_text())["arms"]
    report = opened(folder / "report.html", width=width)
    section = report.page.locator("section", has=report.page.locator("#arms"))
    scores, made, real, unshown = section.locator("table").all()
    for line, row in zip(scores.locator("tr.arm").all(), arms["rows"], strict=True):
        shown = " ".join(line.text_content().split())
        assert shown.startswith(row["arm"])
        for found in row["scores"].values():
            assert f"{percent(found['pass_at_1'])} {percent(found['interval95'][0])} to" in shown
    expect(scores.get_by_text("HumanEval+ 61.6")).to_be_visible()
    expect(section.get_by_text("not measured here")).to_be_visible()
    assert made.locator("tr.arm").count() == 2, "models that came as they are have no data"
    expect(section.get_by_text("4 of 6 differences between arms are real")).to_be_visible()
    assert [table.locator("tr.arm").count() for table in (real, unshown)] == [4, 2]
    expect(unshown).not_to_be_visible()
    # On a narrow screen a row is a card whose lines say what they are; nothing is to be scrolled sideways.
    box = scores.locator("xpath=..")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    label = scores.locator("td[data-label]").first.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert ("humaneval" in label) == (width == 400)
    report.quiet()


def test_numbers_on_the_page_are_those_of_the_files(opened, plain):
    numbers = json.loads((plain / "report.json").read_text())
    page = opened(plain / "report.html").page
    for row in numbers["scores"]:
        line = page.locator("#scores ~ .wide tbody tr", has_text=row["benchmark"]).filter(
            has=page.get_by_role("cell", name=row["candidate"])
        )
        shown = line.first.locator("td").all_text_contents()
        assert shown[2:5] == [
            f"{row['problems']} of {row['of']}", percent(row["pass_at_1"]),
            f"{percent(row['interval95'][0])} to {percent(row['interval95'][1])}",
        ]  # fmt: skip
        if "comparison" in row:
            found = row["comparison"]
            assert shown[5:8] == [str(found["gained"]), str(found["lost"]), points(found["difference"])]
            assert [float(text) for text in shown[9:]] == pytest.approx([found["p_value"], found["p_holm"]], abs=5e-4)
    stages = [row for group in numbers["funnels"] for row in group["rows"]]
    lines = page.locator("tr.stage")
    assert lines.count() == len(stages)
    for number, row in enumerate(stages):
        shown = lines.nth(number).locator("td").all_text_contents()
        assert shown[1:3] == [f"{amount(row['in'])} {row['unit_in']}", f"{amount(row['kept'])} {row['unit_kept']}"]
        losses = lines.nth(number).locator("li b").all_text_contents()
        assert losses == [amount(loss["rows"]) for loss in row["losses"]]
    assert page.get_by_text(f"{amount(numbers['totals']['output_tokens'])}").first.is_visible()


def test_hostile_rows_are_text(opened, tmp_path):
    report = opened(Run(tmp_path, pairs=3, checkpoints=1, text=HOSTILE).write() / "report.html")
    page, dialog = report.page, report.page.locator("dialog")
    report.part("explorer").locator("button.open").first.click()
    dialog.locator(".step").first.wait_for()
    assert dialog.locator("pre").filter(has_text=SHOWN).count() >= 6
    page.keyboard.press("Escape")
    report.part("problems").locator("button.open").first.click()
    dialog.locator(".sides pre").first.wait_for()
    assert dialog.locator(".sides pre").first.text_content() == SHOWN
    page.keyboard.press("Escape")
    page.locator("button[data-dropped]").first.click()
    dialog.locator("pre").filter(has_text=SHOWN).first.wait_for()
    assert page.evaluate("window.broken") is None and page.locator("img").count() == 0
    report.quiet()


def test_a_row_of_a_million_characters_is_cut_and_says_so(opened, tmp_path):
    folder = Run(tmp_path, pairs=2, text="x" * 1_000_000).write()
    assert (folder / "report.html").stat().st_size < 3_000_000
    report = opened(folder / "report.html")
    report.part("explorer").locator("button.open").first.click()
    report.page.locator("dialog pre").filter(has_text="more characters]").first.wait_for()
    report.quiet()


@pytest.mark.parametrize(
    ("pairs", "checkpoints", "sentences"),
    [
        (0, 0, ["There is no pair to show", "Nothing was evaluated", "Nothing was trained", "Nothing was measured"]),
        (5, 0, ["Nothing was evaluated", "Nothing was trained"]),
    ],
)
def test_a_run_with_nothing_in_it_says_so(opened, tmp_path, pairs, checkpoints, sentences):
    report = opened(Run(tmp_path, pairs=pairs, checkpoints=checkpoints).write() / "report.html")
    for sentence in sentences:
        assert report.page.get_by_text(sentence).first.is_visible(), sentence
    accessible(report.page)
    report.quiet()


def cpu_seconds(browser) -> float:
    """CPU time of all processes that draw pages."""
    listed = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(process["cpuTime"] for process in listed if process["type"] == "renderer")


def test_74000_pairs_and_ten_checkpoints_open_within_two_cpu_seconds(browser, opened, tmp_path):
    folder = Run(tmp_path, pairs=74_000, checkpoints=10, samples=1).write()
    size = (folder / "report.html").stat().st_size
    assert size < 20_000_000
    before = cpu_seconds(browser)
    report = opened(folder / "report.html")
    report.page.wait_for_selector("#chart-scores svg")
    spent = cpu_seconds(browser) - before
    print(f"page {size / 1e6:.1f} MB, CPU seconds to open {spent:.2f}")
    assert spent < 2
    explorer = report.part("explorer")
    assert "74,000 of 74,000" in explorer.locator(".count").text_content()
    assert "opens to its whole lineage" in report.page.locator("#show ~ p").first.text_content()
    explorer.get_by_label("opens").select_option("summary")
    explorer.locator("button.open").first.click()
    report.page.locator("dialog pre").filter(has_text="lineage.py --pair p").wait_for()
    report.quiet()
