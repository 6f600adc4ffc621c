"""Tries in Chromium what people do in JupyterLab, open and locked down.

usage: ui.py LAUNCHER DATA FOLDER

Prints {"paths": [[path, before, after]], "was_open": [bool], "closed": [bool],
"works": {what: bool}}: the ways out of the user interface, and whether everything
that a researcher needs still works in the closed one.
"""

import http.server
import json
import os
import re
import sys
import threading

from playwright.sync_api import sync_playwright

from server import CANARY, Server, free_port, scene, write

launcher, data, folder = sys.argv[1:4]
beacons = []


class Beacon(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        beacons.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


port = free_port()
threading.Thread(target=http.server.HTTPServer(("127.0.0.1", port), Beacon).serve_forever, daemon=True).start()


def cells(*sources):
    return [{"cell_type": "code", "id": f"c{i}", "execution_count": None, "metadata": {}, "source": s, "outputs": []} for i, s in enumerate(sources)]


def work(kernel):
    sources = ['cdr := ds.Open("synthetic")\neveryone := cdr.Everyone()', "everyone.By(cdr.SexAtBirth()).Count()",
               "everyone.By(cdr.SexAtBirth()).Count().Bar()", 'fmt.Println("a line of the cell")', "for { }", "fmt.Sprint"]
    return json.dumps({"cells": cells(*sources), "metadata": {"kernelspec": {"name": kernel, "display_name": "weir", "language": "go"}},
                       "nbformat": 4, "nbformat_minor": 5})


def menu(page, name):
    """What a menu of the bar offers."""
    page.get_by_role("menubar").get_by_role("menuitem", name=name, exact=True).first.click()
    page.wait_for_selector(".lm-Menu-content")
    labels = page.locator(".lm-Menu-itemLabel").all_inner_texts()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    return labels


def context_menu(page, target):
    target.click(button="right")
    page.wait_for_selector(".lm-Menu-content")
    labels = page.locator(".lm-Menu-itemLabel").all_inner_texts()
    page.keyboard.press("Escape")
    return labels


def clipboard(page):
    return page.evaluate("() => navigator.clipboard.readText()")


def select_and_copy(page, selector):
    page.evaluate("() => navigator.clipboard.writeText('nothing')")
    page.evaluate("""s => { const r = document.createRange(); r.selectNodeContents(document.querySelector(s));
      const w = window.getSelection(); w.removeAllRanges(); w.addRange(r); }""", selector)
    page.evaluate("() => document.execCommand('copy')")
    return clipboard(page)


def offered(labels, *names):
    found = [n for n in names if any(label.startswith(n) for label in labels)]
    return ("offers " + ", ".join(found)) if found else "not offered", bool(found)


def open_notebook(page, s, name):
    page.goto(f"{s.url}/lab/tree/{name}?token={s.token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90000)


def clipboard_cells(page, s):
    """Copies a cell, with the setting that takes its outputs along."""
    s.ask("PUT", "/lab/api/settings/@jupyterlab/notebook-extension:tracker", {"raw": '{"useSystemClipboardForCells": true}'})
    open_notebook(page, s, "old.ipynb")
    dismiss(page)
    page.evaluate("() => navigator.clipboard.writeText('nothing')")
    page.locator(".jp-CodeCell .jp-InputPrompt").first.click()
    page.keyboard.press("c")
    page.wait_for_timeout(800)
    text = clipboard(page)
    return ("with its outputs" if CANARY in text else "without its outputs"), CANARY in text


def dragged(page):
    """Whether an output that nobody signed can be dragged out; it is planted already."""
    free = page.evaluate("""() => { const e = new DragEvent('dragstart', {bubbles: true, cancelable: true});
      return document.getElementById('planted').dispatchEvent(e); }""")
    return ("dragged" if free else "stopped with a reason"), free


def printed(page):
    page.emulate_media(media="print")
    shown = CANARY in page.evaluate("() => document.querySelector('.jp-Notebook').innerText")
    page.emulate_media(media="screen")
    return ("outputs are printed" if shown else "no output is printed"), shown


def viewed(page, s, name):
    page.goto(f"{s.url}/lab/tree/{name}?token={s.token}&reset")
    page.wait_for_selector(".jp-DirListing-item", timeout=90000)
    page.wait_for_timeout(2500)
    text = page.locator("#jp-main-dock-panel").inner_text() + "".join(f.locator("body").inner_text() for f in page.frames[1:])
    dismiss(page)
    return ("shown" if CANARY in text or page.locator(".jp-CSVViewer:not(.lm-mod-hidden)").count() else "not shown"), \
        CANARY in text or page.locator(".jp-CSVViewer:not(.lm-mod-hidden)").count() > 0


def dismiss(page):
    for _ in range(3):  # a dialog that asks for a kernel
        if page.locator(".jp-Dialog").count():
            page.keyboard.press("Escape")
            page.wait_for_timeout(300)


def unverified(page, s):
    """An output that nobody signed, put into the page as an extension of the user's could."""
    page.evaluate("""text => { const o = document.querySelector('.jp-OutputArea-output') ?? document.querySelector('.jp-Cell').appendChild(
      Object.assign(document.createElement('div'), {className: 'jp-OutputArea-output'})); o.id = 'planted'; o.textContent = text; }""", CANARY)
    text = select_and_copy(page, "#planted")
    return ("copied" if CANARY in text else "stopped with a reason"), CANARY in text


def paths(page, s, locked):
    beacons.clear()
    open_notebook(page, s, "old.ipynb")
    page.wait_for_timeout(2500)
    shown = CANARY in page.locator(".jp-Notebook").inner_text()
    fired = bool(beacons)
    dismiss(page)
    page.locator(".jp-Cell").last.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    chart = page.locator(".vega-embed summary, .vega-embed .vega-actions a").count() > 0
    link = page.locator(".jp-OutputArea-output a[href^=http]").count() > 0
    page.screenshot(path=f"artefacts/{'locked' if locked else 'open'}-old.png")
    files = menu(page, "File")
    item = page.locator(".jp-DirListing-item").first
    item.wait_for()
    listed = page.locator(".jp-DirListing-itemText").all_inner_texts()
    browser = context_menu(page, page.locator(".jp-DirListing-item", has_text="old.ipynb"))
    page.locator(".jp-CodeCell .jp-OutputArea-output").first.scroll_into_view_if_needed()
    output = context_menu(page, page.locator(".jp-CodeCell .jp-OutputArea-output").first)
    view = menu(page, "View")
    page.keyboard.press("Control+Shift+C")
    page.wait_for_selector(".lm-CommandPalette-input")
    palette = page.locator(".lm-CommandPalette-itemLabel").all_inner_texts()
    page.keyboard.press("Escape")
    return [
        ("open an old notebook: its outputs", ("shown" if shown else "scrubbed", shown)),
        ("open an old notebook: a beacon in its HTML", ("fired" if fired else "silent", fired)),
        ("File › Download", offered(files, "Download")),
        ("File › Save and Export Notebook As", offered(files, "Save and Export")),
        ("File › Print", offered(files, "Print")),
        ("files › context menu", offered(browser, "Download", "Copy Download Link", "Open in New Browser Tab", "Copy Shareable Link")),
        ("files › data.csv", ("listed" if "data.csv" in listed else "not listed", "data.csv" in listed)),
        ("output › Copy Output to Clipboard", offered(output, "Copy Output")),
        ("View › Log console, debugger", offered(view, "Show Log Console", "Debugger")),
        ("palette › terminal, export, download", offered(palette, "New Terminal", "Export Notebook", "Download", "Print")
         if not any(p.startswith("Download through release") for p in palette)
         else offered([p for p in palette if not p.startswith("Download through release")], "New Terminal", "Export Notebook", "Download", "Print")),
        ("open an old notebook: a chart's menu, Save as PNG", ("offered" if chart else "not there", chart)),
        ("open an old notebook: a link that leads away", ("there" if link else "not there", link)),
        ("File › Open from URL", offered(files, "Open from URL")),
        ("select an unverified output, copy", unverified(page, s)),
        ("drag an unverified output out", dragged(page)),
        ("Ctrl+P with that output", printed(page)),
        ("copy a cell with its outputs", clipboard_cells(page, s)),
        ("open data.csv", viewed(page, s, "data.csv")),
        ("open page.html", viewed(page, s, "page.html")),
    ]


def eventually(ok, page):
    """JupyterLab waits ten times as long as its last save took before it saves again, which
    on a busy machine is far longer than the interval that is set."""
    for _ in range(360):
        if ok():
            return True
        page.wait_for_timeout(500)
    return False


def works(page, s):
    """What a researcher needs, in the closed server."""
    seen = {}
    s.ask("PUT", "/lab/api/settings/@jupyterlab/docmanager-extension:plugin", {"raw": '{"autosaveInterval": 4}'})
    open_notebook(page, s, "work.ipynb")
    page.wait_for_selector("text=| Idle", timeout=90000)
    code = page.locator(".jp-CodeCell .cm-content")

    def run(i, until):
        code.nth(i).click()
        page.keyboard.press("Control+Enter")
        try:
            page.wait_for_function(until, timeout=90000)
            return True
        except Exception:
            return False

    def prompt(i):
        return f"() => /\\[\\d+\\]/.test(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[{i}].innerText)"

    seen["a cell runs"] = run(0, prompt(0))
    seen["a table shows"] = run(1, "() => document.querySelector('.jp-OutputArea-output table')")
    page.wait_for_selector(".weir-badge[data-weir=release]", timeout=20000)
    seen["a badge says that it is verified"] = "verified aggregate" in page.locator(".weir-badge").first.inner_text()
    seen["a chart shows"] = run(2, "() => [...document.querySelectorAll('.jp-OutputArea-output img')].some(i => i.naturalWidth > 0) || document.querySelector('.jp-OutputArea-output svg')")
    seen["a cell prints"] = run(3, "() => document.body.innerText.includes('a line of the cell')")
    code.nth(4).click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(1500)
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    seen["an interrupt stops a cell"] = bool(page.wait_for_function(prompt(4), timeout=30000))
    code.nth(5).click()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    seen["completion proposes"] = bool(page.wait_for_selector(".jp-Completer-item, .jp-Completer", timeout=20000))
    page.keyboard.press("Escape")
    seen["status bar tells tier and policy"] = bool(re.search(r"weir: registered tier, policy \S", page.locator(".weir-status").first.inner_text()))
    seen["a verified table is copied by hand"] = "participants" in select_and_copy(page, ".jp-OutputArea-output table")
    page.get_by_role("button", name="Copy table as CSV").first.click()
    page.wait_for_timeout(300)
    seen["a verified table is copied as CSV"] = "participants\r\n" in clipboard(page) or "participants\n" in clipboard(page)
    page.get_by_role("button", name="Copy table as Markdown").first.click()
    page.wait_for_timeout(300)
    seen["a verified table is copied as Markdown"] = clipboard(page).startswith("**")
    page.get_by_role("button", name="Copy table as text").first.click()
    page.wait_for_timeout(300)
    seen["a verified table is copied as text"] = "participants" in clipboard(page) and "|" not in clipboard(page)
    code.nth(1).click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    seen["code is copied"] = "SexAtBirth" in clipboard(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    with open(s.root + "/work.ipynb") as f:
        seen["the notebook is saved"] = "weir release" not in f.read() and "a line of the cell" in open(s.root + "/work.ipynb").read()
    for name, button in [("a table is downloaded through release", 0), ("a chart is downloaded through release", 1)]:
        try:
            with page.expect_download(timeout=30000) as waiting:
                page.get_by_role("button", name="Download through release").nth(button).click()
            content = open(waiting.value.path(), "rb").read()
            seen[name] = b"We gratefully acknowledge" in content
        except Exception as e:
            print(e, page.locator(".Toastify").all_inner_texts(), file=sys.stderr)
            seen[name] = False
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    seen["search opens"] = bool(page.wait_for_selector(".jp-DocumentSearch-overlay", timeout=10000))
    page.keyboard.press("Escape")
    page.screenshot(path="artefacts/lockdown.png")
    seen["a chart of weir's has no menu that downloads"] = page.locator(".vega-embed summary, .vega-actions a").count() == 0
    code.nth(5).click()
    page.keyboard.press("Control+End")
    page.keyboard.type("// typed by hand")
    seen["the notebook is saved by itself"] = eventually(lambda: "typed by hand" in open(s.root + "/work.ipynb").read(), page)
    page.locator(".jp-CodeCell .jp-InputPrompt").first.click()
    page.keyboard.press("b")
    seen["a cell is added"] = bool(page.wait_for_function("() => document.querySelectorAll('.jp-CodeCell').length === 7", timeout=10000))
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("0")
    page.keyboard.press("0")
    page.locator(".jp-Dialog button.jp-mod-accept, .jp-Dialog button.jp-mod-warn").last.click()
    page.wait_for_timeout(1000)
    page.wait_for_selector("text=| Idle", timeout=60000)
    seen["the kernel restarts, and a cell runs"] = run(3, "() => document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[3].innerText.includes('[1]')")
    open_notebook(page, s, "work.ipynb")
    page.wait_for_timeout(1500)
    text = page.locator(".jp-Notebook").inner_text()
    seen["opened again, outputs are there"] = "a line of the cell" in text and page.locator(".jp-OutputArea-output table").count() > 0
    seen["nothing was scrubbed that was ours"] = "is not shown" not in text
    page.get_by_role("tab", name="Table of Contents").click()
    seen["the table of contents opens"] = bool(page.wait_for_selector(".jp-TableOfContents", timeout=10000))
    s.ask("PUT", "/lab/api/settings/@jupyterlab/apputils-extension:themes", {"raw": '{"theme": "JupyterLab Dark"}'})
    open_notebook(page, s, "work.ipynb")
    page.wait_for_timeout(2500)
    seen["the dark theme can be chosen"] = page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    page.screenshot(path="artefacts/lockdown-dark.png")
    return seen


def run(locked, browser):
    here = folder + ("/locked" if locked else "/open")
    root, home = scene(here, port)
    kernel = "weir-registered"
    write(root + "/work.ipynb", work(kernel))
    if not locked:
        os.unlink(home + "/.jupyter/jupyter_server_config.py")
    s = Server([launcher] if locked else None, root, home, data)
    s.root = root
    try:
        context = browser.new_context(viewport={"width": 1500, "height": 2400}, permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
        page = context.new_page()
        found = paths(page, s, locked)
        seen = works(context.new_page(), s) if locked else {}
        context.close()
        return found, seen
    finally:
        s.end()


with sync_playwright() as p:
    chromium = p.chromium.launch(executable_path=os.environ["WEIR_CHROMIUM"],
                                 args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
    before, _ = run(False, chromium)
    after, seen = run(True, chromium)
    chromium.close()
json.dump({"paths": [[b[0], b[1][0], a[1][0]] for b, a in zip(before, after)], "was_open": [b[1][1] for b in before],
           "closed": [not a[1][1] for a in after], "works": seen}, sys.stdout)
