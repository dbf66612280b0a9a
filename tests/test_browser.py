"""The page in a real browser: nothing leaves it, nothing breaks, and its interactive answer is that of `study fit`.

Collected where chromedriver is on PATH, and where STUDY_BROWSER=1 asks for it (tests/conftest.py).
"""

import base64
import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By

from study.analysis.study import Study
from study.inference.digits import estimate, holding, unit
from study.inference.parameters import Array
from tests.conftest import Rendered

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
WIDTHS = {"phone": 390, "desk": 1440}

pytestmark = pytest.mark.slow


@pytest.fixture
def page(changed: Rendered) -> Path:
    return changed.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    assert chromium and driver, "chromium and its chromedriver must be on PATH"
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with Chrome(options=options, service=ChromeService(driver)) as started:
        yield started


@pytest.fixture
def at_desk(browser: Chrome, page: Path) -> Chrome:
    """The page, freshly loaded, on a desk's screen in the light. It jumps: a click waits for no scrolling."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    opened(browser, page, WIDTHS["desk"])
    return browser


def opened(browser: Chrome, page: Path, width: int) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500})
    browser.get(page.as_uri())


def script(browser: Chrome, code: str) -> Any:
    return browser.execute_script(f"return {code}")


def test_no_request_leaves_the_page_and_the_console_is_silent(browser: Chrome, page: Path) -> None:
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # what came before
    opened(browser, page, WIDTHS["desk"])
    script(browser, "window.scrollTo(0, document.body.scrollHeight)")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked, "the log must see requests"
    assert [url[:80] for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


def test_every_anchor_resolves(at_desk: Chrome) -> None:
    anchors = script(at_desk, "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))")
    ids = set(script(at_desk, "[...document.querySelectorAll('[id]')].map(e => e.id)"))
    assert len(anchors) > 50
    assert [anchor for anchor in anchors if anchor and anchor not in ids] == []
    assert len(ids) == script(at_desk, "document.querySelectorAll('[id]').length"), "an id is used twice"


def test_every_image_has_a_text_and_is_drawn(at_desk: Chrome) -> None:
    images = script(at_desk, "[...document.images].map(i => [i.getAttribute('alt'), i.naturalWidth])")
    sources = [ROOT / "report" / "index.qmd", *(ROOT / "report" / "index").glob("*.qmd")]
    assert len(images) >= sum(source.read_text().count("::: {#fig-") for source in sources) > 10
    assert all(alt and len(alt) > 20 and width > 0 for alt, width in images)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", WIDTHS)
def test_nothing_scrolls_sideways(browser: Chrome, page: Path, screen: str, scheme: str) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    opened(browser, page, WIDTHS[screen])
    assert script(browser, "window.innerWidth") == WIDTHS[screen]
    wide = script(browser, "document.documentElement.scrollWidth")
    out = script(browser, """[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.table-scroll, .math-scroll, pre, svg, math')).slice(0, 5).map(e => e.outerHTML.slice(0, 120))""")
    assert wide <= WIDTHS[screen], out


def test_no_formula_scrolls_at_a_desk(at_desk: Chrome) -> None:
    assert script(at_desk, """[...document.querySelectorAll('.math-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)
        .map(e => e.textContent.slice(0, 80))""") == []


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1:colour.index(")")].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_either_scheme(browser: Chrome, page: Path, scheme: str) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    opened(browser, page, WIDTHS["desk"])
    paper = luminance(script(browser, "getComputedStyle(document.documentElement).backgroundColor"))
    assert (paper < 0.2) == (scheme == "dark")
    for place in ("main p", "main h1", "figcaption", "main td", ".answer label", ".answer .said", "main p a"):
        ink = luminance(script(browser, f"getComputedStyle(document.querySelector({place!r})).color"))
        light, dark = max(paper, ink), min(paper, ink)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{place} ({scheme})"  # WCAG 2.2, 1.4.3


def test_it_prints(at_desk: Chrome) -> None:
    printed = base64.b64decode(at_desk.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
    pages = pypdf.PdfReader(io.BytesIO(printed)).pages
    first, last = (" ".join(page.extract_text().split()) for page in (pages[0], pages[-1]))  # no figures: they are slow to read
    assert len(pages) > 10
    assert "How many tokens for a 1B model?" in first and "arXiv" in last


def answers(browser: Chrome) -> dict[str, list[str]]:
    """The interactive answer's first table: row name -> median, 95, 80 and 50 % intervals as printed."""
    rows = script(browser, "[...document.querySelector('#answer-out table').rows].map(r => [...r.cells].map(c => c.innerText))")
    return {row[0]: row[1:] for row in rows[1:]}


def choose(browser: Chrome, name: str, value: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f'input[name="{name}"][value="{value}"]').click()


def enter(browser: Chrome, value: str) -> None:
    box = browser.find_element(By.ID, "answer-text")
    box.clear()
    box.send_keys(value, Keys.ENTER)


def test_the_interactive_answer_is_that_of_the_page_s_posterior(at_desk: Chrome, refitted: Study) -> None:
    """To one in the last digit that a tenth of the draws supports: the page carries so many."""
    law = refitted.many.draws

    def same(shown: list[str], draws: Array) -> bool:
        found = estimate(refitted.many, draws)
        pairs = [(found.median, found.median_error)]
        pairs += [pair for level in (0.95, 0.8, 0.5)
                  for pair in zip(found.intervals[level], found.interval_errors[level], strict=True)]
        read = [number(one) for cell in shown for one in cell.strip("[]").split(",\N{NO-BREAK SPACE}")]
        return len(read) == len(pairs) and all(abs(one - value) <= 1.6 * unit(value, holding(value, 10**0.5 * error))
                                               for one, (value, error) in zip(read, pairs, strict=True))

    enter(at_desk, "3e8")
    shown, D = answers(at_desk), law.D_opt_at(3e8)
    assert same(shown["tokens D"], D) and same(shown["tokens a parameter"], D / 3e8)
    assert not same(shown["tokens D"], 3 * D)
    choose(at_desk, "answer-mode", "C")
    enter(at_desk, "2e20")
    shown = answers(at_desk)
    assert same(shown["tokens D"], law.D_opt(2e20)) and same(shown["parameters N"], law.N_opt(2e20))


def number(shown: str) -> float:
    """What a number of the page is: 1.2 B, 5 × 10¹⁹."""
    if power := re.fullmatch(r"(?:([\d.]+)\s×\s)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", shown):
        return float(power[1] or 1) * 10.0 ** int(power[2].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    value, _, name = shown.replace(",", "").partition("\N{NO-BREAK SPACE}")
    return float(value) * {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[name]


def test_the_page_s_posterior_and_study_fit_agree_within_their_monte_carlo_errors(changed: Rendered, refitted: Study,
                                                                                       tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.cli", "fit", "--grid", "quick", "--runs", str(changed.runs),
               "--predict-n", "3e8", "--out", str(tmp_path / "fit")]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    fitted = json.loads((tmp_path / "fit" / "fit.json").read_text())["answers"]["at_N"]["D_opt"]["posterior"]
    posterior = refitted.posterior
    page = estimate(posterior, posterior.draws.D_opt_at(3e8))
    pairs = [(page.median, page.median_error, fitted["point"], fitted["mcse"]["point"])]
    pairs += list(zip(page.ci95, page.interval_errors[0.95], fitted["ci95"], fitted["mcse"]["ci95"], strict=True))
    for one, error, other, other_error in pairs:
        assert abs(math.log(one / other)) < 4 * math.hypot(error, other_error), (one, other)


def test_a_desk_shows_the_whole_answer(at_desk: Chrome) -> None:
    assert script(at_desk, "[...document.querySelectorAll('.answer .table-scroll')].every(e => e.scrollWidth <= e.clientWidth)")


def test_the_page_s_abstract_and_its_interactive_answer_agree(at_desk: Chrome) -> None:
    said = script(at_desk, "document.querySelector('#abstract, main').innerText")
    median, widest, *_ = answers(at_desk)["tokens D"]
    assert f"compute-optimal at {median} tokens" in said and widest in said


def test_conventions_change_the_answer_and_the_warning_grows(at_desk: Chrome) -> None:
    found = {}
    for key in ("multiplying", "non_embedding", "total"):
        choose(at_desk, "answer-convention", key)
        found[key] = answers(at_desk)["tokens D"][0]
    assert len(set(found.values())) == 3, found
    levels = []
    for value in ("2e4", "1e6", "1e9"):
        enter(at_desk, value)
        levels.append(int(script(at_desk, "document.querySelector('#answer-out [data-level]').dataset.level")))
    assert levels == sorted(levels) and levels[0] == 0 and levels[-1] == 3
    laws = script(at_desk, "[...document.querySelectorAll('#answer-out table')[1].rows].map(r => r.cells[0].innerText)")
    assert any("Hoffmann" in law for law in laws) and any("Kaplan" in law for law in laws)


def test_the_keyboard_is_enough(at_desk: Chrome) -> None:
    slider = at_desk.find_element(By.ID, "answer-range")
    before = answers(at_desk)["tokens D"]
    slider.send_keys(Keys.ARROW_RIGHT)
    assert answers(at_desk)["tokens D"] != before
    assert float(at_desk.find_element(By.ID, "answer-text").get_attribute("value")) > 1e9
    at_desk.find_element(By.CSS_SELECTOR, 'input[name="answer-mode"]:checked').send_keys(Keys.ARROW_RIGHT)
    assert "parameters N" in answers(at_desk)
    enter(at_desk, "nonsense")
    assert at_desk.find_element(By.ID, "answer-text").get_attribute("aria-invalid") == "true"
