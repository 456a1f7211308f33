"""The notebooks as pages: what they show, where their links lead, and how a browser finds them, wide and narrow."""

import base64
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from browser import CHROMIUM

import splicelab
from splicelab.paths import REPOSITORY

pytest.importorskip("furo", reason="no site group: pip install -e .[site]")
pytest.importorskip("myst_nb", reason="no site group: pip install -e .[site]")
from bs4 import BeautifulSoup

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}
NO_LOAD = {"canonical", "index", "next", "prev", "search"}  # what a link in the head may be without being fetched
CSS_LOAD = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
VIEWS = [(width, scheme) for width in ((1280, 900), (390, 844)) for scheme in ("light", "dark")]
# Words whose colour is too near to what lies behind them; what reaches beyond the page's side, and pictures that are
# broken or stretched; pictures that do not stand on white.
LOOK = """() => {
    const rgb = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(
        x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4
    ).reduce((sum, x, place) => sum + x * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
            if (a > 0.5) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const contrast = element => {
        const [one, other] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    const faint = [], out = [];
    for (const element of document.querySelectorAll("article *")) {
        if (!element.checkVisibility() || element.closest(".headerlink")) continue;
        const texts = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
        const words = texts.map(node => node.data.trim()).join("");
        if (words && contrast(element) < 4.5) faint.push(`${words.slice(0, 40)}: ${contrast(element).toFixed(1)}`);
        const box = element.getBoundingClientRect();
        if (element.tagName !== "IMG") continue;
        const stretch = (box.width / box.height) / (element.naturalWidth / element.naturalHeight);
        if (box.right > innerWidth || !(Math.abs(stretch - 1) < 0.02)) out.push(`${element.src}: ${stretch}`);
    }
    for (const box of [document.documentElement, document.body, document.querySelector(".content")])
        if (box.scrollWidth > box.clientWidth) out.push(`${box.className || box.tagName}: ${box.scrollWidth} pixels`);
    const images = [...document.querySelectorAll("article img")];
    const on_white = image => light(rgb(getComputedStyle(image).backgroundColor)) === 1;
    return {faint, out, bare: images.filter(image => !on_white(image)).map(image => image.src)};
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as `make site` does, a warning being an error; return its folder."""
    folder = tmp_path_factory.mktemp("site") / "pages"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs"]
    command += ["-d", str(folder.with_name("doctrees")), ".", str(folder)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Return the pages, parsed, by their path."""
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")}


def css_loads(text):
    return [one or other for one, other in CSS_LOAD.findall(text)]


def test_every_notebook_is_a_page_and_every_page_leads_to_it(site, pages):
    for path, page in pages.items():
        near = {
            (path.parent / unquote(urlsplit(a["href"]).path)).resolve() for a in page.select(".sidebar-tree a[href]")
        }
        missing = [notebook.stem for notebook in NOTEBOOKS if site / "notebooks" / f"{notebook.stem}.html" not in near]
        assert missing in ([], [path.stem]), f"{path.name}: {missing}"


def test_every_link_leads_to_a_page_and_a_place_that_exist(site, pages):
    dead, followed = [], 0
    for path, page in pages.items():
        for tag in page.select("[href], [src]"):
            link = tag.get("href", tag.get("src"))
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or not target.is_relative_to(site):
                dead.append(f"{path.relative_to(site)}: {link}")
            elif place and target.suffix == ".html" and not pages[target].find(id=place):
                dead.append(f"{path.relative_to(site)}: no place {link}")
            followed += 1
    assert not dead and followed > 1000


def test_no_page_loads_anything_from_outside(site, pages):
    loads = []
    for path, page in pages.items():
        loads += [(path, tag[key]) for name, key in LOADS.items() for tag in page.find_all(name, **{key: True})]
        loads += [(path, tag["href"]) for tag in page.find_all("link") if not NO_LOAD & set(tag.get("rel", []))]
        loads += [(path, link) for tag in page.find_all("style") for link in css_loads(tag.text)]
        loads += [(path, link) for tag in page.select("[style]") for link in css_loads(tag["style"])]
    sheets = list(site.rglob("*.css"))
    loads += [(path, link) for path in sheets for link in css_loads(path.read_text(encoding="utf-8"))]
    assert sheets and loads
    assert not [(path.name, link) for path, link in loads if urlsplit(link).scheme != "data" and urlsplit(link).netloc]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_page_shows_the_stored_pictures_and_says_them(site, pages, path):
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    stored = [output for output in outputs if "image/png" in output.get("data", {})]
    page = site / "notebooks" / f"{path.stem}.html"
    shown = pages[page].select(".cell_output img")
    assert [(page.parent / image["src"]).read_bytes() for image in shown] == [
        base64.b64decode(output.data["image/png"]) for output in stored
    ]
    words = [output.metadata["image/png"]["alt"].split() for output in stored]
    assert [image["alt"].split() for image in shown] == words and words and all(words)


def test_long_code_is_folded_and_solutions_stand_on_their_own_page(site, pages):
    folded = [page.select(".cell > details:not([open]) .cell_input") for page in pages.values()]
    assert any(folded) and not any(page.select("details[open]") for page in pages.values())
    here = site / "docs" / "solutions.html"
    leads = [path for path, page in pages.items() if page.select('a[href*="docs/solutions.html#"]')]
    assert here.is_file() and leads and not [path for path, page in pages.items() if page.select(".tag_solution")]


def test_every_public_name_has_its_place(site, pages):
    own = [name for name in dir(splicelab.own) if not name.startswith("_")]
    names = [
        *(f"splicelab.{name}" for name in splicelab.__all__ if name != "own"),
        *(f"splicelab.own.{name}" for name in own),
    ]
    places = {tag["id"] for tag in pages[site / "docs" / "names.html"].select("dt[id]")}
    assert sorted(names) == sorted(places)


@pytest.fixture(scope="module")
def browser():
    """Return a browser without a window."""
    pytest.importorskip("playwright", reason="no playwright: pip install -e .[test]")
    if CHROMIUM is None:
        pytest.skip("no chromium: the browser test needs it (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def watched(browser, **options):
    """Open an empty page, and a list that takes up what it complains about and what it asks of others."""
    page, troubles = browser.new_page(**options), []
    page.on("console", lambda message: message.type in ("error", "warning") and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request", lambda request: urlsplit(request.url).scheme not in ("file", "data") and troubles.append(request.url)
    )
    return page, troubles


@pytest.mark.parametrize(
    ("size", "scheme"), VIEWS, ids=lambda value: value if isinstance(value, str) else str(value[0])
)
def test_every_page_can_be_read(site, pages, browser, size, scheme):
    page, troubles = watched(browser, viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme=scheme)
    for path in pages:
        page.goto(path.as_uri())
        look = page.evaluate(LOOK)
        assert look == {"faint": [], "out": [], "bare": []}, path.relative_to(site)
    page.close()
    assert not troubles


def test_search_finds_and_long_code_unfolds(site, browser):
    page, troubles = watched(browser)
    page.goto((site / "index.html").as_uri())
    page.locator(".sidebar-search").fill("coalescing")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    assert any("08_fragment" in link.get_attribute("href") for link in page.locator("#search-results li a").all())
    page.goto((site / "notebooks" / f"{NOTEBOOKS[0].stem}.html").as_uri())
    code = page.locator("details .cell_input").first
    assert not code.is_visible()
    page.locator("details:has(.cell_input) summary").first.click()
    assert code.is_visible() and not troubles
    page.close()
