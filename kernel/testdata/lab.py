"""Works with weir in JupyterLab in Chromium, as people do.

usage: lab.py WHAT PICTURES THEME

WHAT is "work", "help", "show" or "plain", PICTURES is a folder for screenshots, THEME is "light" or
"dark". The browser is $WEIR_CHROMIUM, and JUPYTER_PATH must lead to the kernelspec of
weir. Prints what was seen, as JSON: a member for each scene.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import nbformat
from playwright.sync_api import sync_playwright

what, pictures, theme = sys.argv[1:4]
token = secrets.token_hex(16)
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
root = tempfile.mkdtemp(prefix="weir-lab")
settings = root + "/settings/@jupyterlab/apputils-extension"
os.makedirs(settings)
if what == "plain":
    os.makedirs(root + "/config/labconfig")
    with open(root + "/config/labconfig/page_config.json", "w") as f:
        json.dump({"disabledExtensions": {"@jupyterlab/vega5-extension": True}}, f)
for name, value in {"themes": {"theme": "JupyterLab " + theme.capitalize()}, "notification": {"fetchNews": "false"}}.items():
    with open(f"{settings}/{name}.jupyterlab-settings", "w") as f:
        json.dump(value, f)

CELLS = {
    "work": [
        'cdr := ds.Open("synthetic")\ncdr',  # makes the repository, which takes seconds
        "kept := 41",
        "for n := 0; ; n++ { kept += n % 2 - n % 2 }",
        "kept + 1",
        "half := func(n int) int { return 10 / n }\nfmt.Println(half(2))\nhalf(0)",
        'wrong := "a" + 1\nmissing()',
    ],
    "show": [
        'cdr := ds.Open("synthetic")\nsex, race := cdr.SexAtBirth(), cdr.Race()\nage := cdr.Age().Bands(30, 45, 65)\n'
        'diabetes := cdr.Cohort("type 2 diabetes").Include(cdr.Condition(201826).Descendants())',
        "cdr.Everyone().By(race, sex).WithTotals().Count()",
        "diabetes.By(race, age).Count().Bar().Title(\"Type 2 diabetes by race and age\")",
        "cdr.Everyone().Crosstab(race, age).Heatmap()",
        "hba1c := cdr.Measurement(3004410).Unit(\"%\").Last().Value()\ncdr.Everyone().By(sex, age).Summarise(hba1c.Box()).BoxPlot()",
        "cdr.Everyone().Frame(sex, hba1c, age).Head(4)",
        "ds.Display(21, \"text\")\nds.Markdown(\"## A heading\\n\\nSome **words**, [no link](http://localhost/) and no ![picture](http://localhost/x.png).\\n\\n| a | b |\\n|--|--:|\\n| x | 1 |\")",
        "%policy",
        "diabetes.Histogram(cdr.Age().BandsOf(2, 20, 100))",
        "index, left, died := cdr.Condition(201826).Descendants().First(), cdr.ObservedUntil(), cdr.Death().Date()\n"
        "years, death := ds.Earliest(died, left).YearsSince(index).Bands(0, 2, 4, 6, 8, 10), died.OnOrBefore(left).OrElse(false)\n"
        "followed := diabetes.Entry(index).By(years, death, sex).WithTotals().Count()\nfollowed.Survival(years, death)",
        "metformin := cdr.Drug(1503297).Descendants().Exists()\n"
        "cdr.Everyone().By(race, death, metformin).WithTotals().Count().Forest(death).OddsRatio(metformin)",
    ],
    # Without the extension that draws Vega-Lite, JupyterLab shows the SVG.
    "plain": ['cdr := ds.Open("synthetic")\ncdr.Everyone().By(cdr.SexAtBirth(), cdr.Age().Bands(30, 45, 65)).Count().Bar()'],
    "help": ["for { }", "fmt.Sprint", "fmt.Println", "%help"],
}
notebook = nbformat.v4.new_notebook(
    cells=[nbformat.v4.new_code_cell(c) for c in CELLS[what]],
    metadata={"kernelspec": {"name": "weir", "display_name": "weir (Go)", "language": "go"}})
nbformat.write(notebook, root + "/work.ipynb")

# Outputs are shown under the policy of a locked-down server: nothing from elsewhere.
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
          "connect-src 'self'; frame-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'")
headers = {"headers": {"Content-Security-Policy": POLICY}} if what in ("show", "plain") else {}

server = subprocess.Popen(
    [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
     f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", f"--ServerApp.tornado_settings={headers}"],
    env={**os.environ, "XDG_DATA_HOME": root + "/data", "JUPYTER_CONFIG_DIR": root + "/config",
         "JUPYTERLAB_SETTINGS_DIR": root + "/settings", "JUPYTERLAB_WORKSPACES_DIR": root + "/workspaces"},
    stdout=sys.stderr, stderr=sys.stderr)


def await_server():
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=1).read()
            return
        except OSError:
            time.sleep(0.25)


class Lab:
    def __init__(self, page):
        self.page = page
        page.goto(f"http://127.0.0.1:{port}/lab/tree/work.ipynb?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60000)
        self.await_state("Idle")

    def await_state(self, state):
        self.page.wait_for_selector(f"text=| {state}", timeout=60000)

    def cell(self, n):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(n)

    def start(self, n):
        self.cell(n).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def press(self, n, key):
        """At the end of a cell."""
        self.cell(n).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.press(key)

    def run(self, n):
        self.start(n)
        self.await_prompt(n)
        return self.output(n)

    def await_prompt(self, n):
        self.page.wait_for_function(
            "n => /\\[\\d+\\]/.test(document.querySelectorAll('.jp-Notebook .jp-CodeCell')[n].querySelector('.jp-InputPrompt').innerText)",
            arg=n, timeout=60000)

    def output(self, n):
        return "\n".join(self.cell(n).locator(".jp-OutputArea-output").all_inner_texts())

    def menu(self, name, item):
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()

    def picture(self, name):
        self.page.screenshot(path=os.path.join(pictures, f"kernel-{name}-{theme}.png"))


def progress(lab):
    """The bar stands there while the repository is made, and is gone afterwards."""
    lab.start(0)
    lab.page.wait_for_selector(".jp-OutputArea-output progress", timeout=60000)
    seen = lab.output(0)
    lab.picture("progress")
    lab.await_prompt(0)
    bars = lab.page.locator(".jp-OutputArea-output progress").count()
    return {"seen": seen, "bars_left": bars, "outputs": lab.cell(0).locator(".jp-OutputArea-output").count(),
            "tables": lab.cell(0).locator(".jp-OutputArea-output table").count()}


def interrupt(lab):
    """A cell that does not end is interrupted; its kernel keeps its variables."""
    lab.run(1)
    lab.start(2)
    lab.await_state("Busy")
    # Help is asked for and given meanwhile; the kernel is still shown as busy.
    lab.press(3, "Tab")
    lab.page.wait_for_timeout(500)
    lab.page.keyboard.press("Escape")
    busy = lab.page.locator("text=| Busy").count() > 0
    lab.menu("Kernel", "Interrupt Kernel")
    lab.await_prompt(2)
    lab.picture("interrupt")
    seen = lab.output(2)
    return {"busy_meanwhile": busy, "seen": seen, "kept": lab.run(3)}


def errors(lab):
    """A panic shows where it happened, a mistake what is wrong."""
    seen = {"panic": lab.run(4), "compile": lab.run(5)}
    colours = lab.cell(4).locator(".jp-OutputArea-output .ansi-red-fg").count()
    lab.cell(5).scroll_into_view_if_needed()
    lab.picture("errors")
    return {**seen, "red": colours}


def complete(lab):
    """While a cell runs, Tab proposes how to go on."""
    lab.start(0)
    lab.await_state("Busy")
    lab.press(1, "Tab")
    lab.page.wait_for_selector(".jp-Completer .jp-Completer-item", timeout=10000)
    lab.picture("complete")
    proposed = lab.page.locator(".jp-Completer .jp-Completer-item code, .jp-Completer .jp-Completer-item .jp-Completer-match").all_inner_texts()
    lab.page.keyboard.press("Enter")
    lab.page.wait_for_selector(".jp-Completer", state="hidden")
    return {"proposed": proposed, "taken": lab.cell(1).locator(".cm-content").inner_text()}


def inspect(lab):
    """While a cell runs, Shift+Tab tells what stands at the cursor."""
    lab.press(2, "Shift+Tab")
    lab.page.wait_for_selector(".jp-Tooltip", timeout=10000)
    lab.picture("inspect")
    told = lab.page.locator(".jp-Tooltip").inner_text()
    busy = lab.page.locator("text=| Busy").count() > 0
    lab.page.keyboard.press("Escape")
    lab.menu("Kernel", "Interrupt Kernel")
    lab.await_prompt(0)
    return {"told": told, "busy_meanwhile": busy}


def page(lab):
    """Help that a cell asks for is shown."""
    seen = lab.run(3)
    lab.picture("page")
    return {"seen": seen}


def console(lab):
    """A console of the same kernel offers what was run in the notebook."""
    lab.menu("File", "New Console for Notebook")
    prompt = lab.page.locator(".jp-CodeConsole-promptCell .cm-content")
    prompt.click(timeout=60000)
    lab.page.wait_for_timeout(1000)
    offered = []
    for _ in range(2):
        lab.page.keyboard.press("Control+Home")
        lab.page.keyboard.press("ArrowUp")
        lab.page.wait_for_timeout(300)
        offered.append(prompt.inner_text())
    lab.picture("console")
    lab.page.locator(".lm-TabBar-tab", has_text="work.ipynb").first.click()
    return {"offered": offered}


def restart(lab):
    """After a restart nothing is known any more, and cells run."""
    lab.menu("Kernel", "Restart Kernel…")
    lab.page.locator(".jp-Dialog button.jp-mod-accept").click()
    lab.page.wait_for_selector(".jp-Dialog", state="detached", timeout=60000)
    lab.await_state("Idle")
    forgotten = lab.run(3)
    lab.run(1)
    lab.picture("restart")
    return {"forgotten": forgotten, "again": lab.run(3)}


def shown(lab, n, name):
    """Runs a cell and keeps a picture of it."""
    lab.run(n)
    lab.page.wait_for_timeout(1500)
    lab.page.keyboard.press("Escape")
    cell = lab.cell(n)
    cell.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(500)
    cell.screenshot(path=os.path.join(pictures, f"kernel-{name}-{theme}.png"))
    return cell.locator(".jp-OutputArea").first


def contrasts(area, selector):
    """The least contrast of texts with what they stand on (WCAG 2.2, 1.4.3)."""
    return area.locator(selector).evaluate_all("""elements => {
        const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
        const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
            return .2126 * r + .7152 * g + .0722 * b };
        return Math.min(...elements.map(e => {
            let on = e, c;
            do { c = parse(getComputedStyle(on).backgroundColor); on = on.parentElement } while (on && c[3] === 0);
            const [a, b] = [light(parse(getComputedStyle(e).color)), light(c)].sort((x, y) => y - x);
            return (a + .05) / (b + .05) })) }""")


def table(lab):
    """A table with hidden numbers."""
    lab.run(0)
    area = shown(lab, 1, "table")
    return {"hidden": area.locator("td[title] em").count(), "captions": area.locator("caption").all_inner_texts(), "contrast": contrasts(area, "td, th, em, small, caption")}


def charts(lab):
    """Charts are drawn by Vega-Lite, say what they show, and show hidden numbers as hidden."""
    seen = {}
    for n, name in ((2, "bars"), (3, "heat"), (4, "box"), (8, "histogram"), (9, "survival"), (10, "forest")):
        area = shown(lab, n, name)
        seen[name] = {
            "vega": area.locator(".vega-embed svg").count(),
            "marks": area.locator(".vega-embed svg path, .vega-embed svg rect").count(),
            "texts": area.locator(".vega-embed svg text").all_text_contents(),
            "alt": area.locator("[role=graphics-document], .vega-embed").evaluate_all("es => es.map(e => e.getAttribute('aria-label')).filter(Boolean)"),
            "menus": area.locator(".vega-actions, details").count(),
            "errors": area.locator(".jp-mod-error, .jp-RenderedText[data-mime-type*=error]").count(),
        }
    return seen


def picture(lab):
    """The SVG beside Vega-Lite is what is shown without it."""
    area = shown(lab, 0, "svg")
    image = area.locator("img, svg").first
    return {"vega": area.locator(".vega-embed").count(), "box": image.bounding_box(), "loaded": image.evaluate("e => e.naturalWidth || e.clientWidth"),
            "type": image.evaluate("e => (e.src || e.tagName).slice(0, 18)"), "marks": image.evaluate("e => decodeURIComponent(e.src || e.outerHTML).split('data-mark').length - 1")}


def refusal(lab):
    """A refusal says rule and way out, and shows invented rows."""
    area = shown(lab, 5, "refusal")
    return {"says": area.inner_text(), "terms": area.locator("dt").all_inner_texts(), "tables": area.locator("table").count(), "contrast": contrasts(area, "p, dt, dd, td, th, small, caption")}


def words(lab):
    """Markdown is shown, and leads nowhere."""
    area = shown(lab, 6, "words")
    policy = shown(lab, 7, "policy")
    return {"headings": area.locator("h2").all_inner_texts(), "links": area.locator("a, img").count(), "tables": area.locator("table").count(), "says": area.inner_text(), "policy": policy.inner_text()}


try:
    await_server()
    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=os.environ["WEIR_CHROMIUM"],
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
        lab = Lab(browser.new_page(viewport={"width": 1280, "height": 1400}))
        scenes = {"work": (progress, interrupt, errors, console, restart), "help": (complete, inspect, page), "show": (table, charts, refusal, words), "plain": (picture,)}
        json.dump({scene.__name__: scene(lab) for scene in scenes[what]}, sys.stdout)
        browser.close()
finally:
    server.terminate()
    server.wait()
    shutil.rmtree(root, ignore_errors=True)
