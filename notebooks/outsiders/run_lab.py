"""Runs a notebook by hand in JupyterLab in Chromium.

usage: run_lab.py NOTEBOOK SCREENSHOT

Opens the notebook, chooses Run > Run All Cells, waits, takes a picture and prints
what each cell shows, as JSON: a list of {"text", "tables"} by cell, where a table
is a list of rows of texts. The browser is $WEIR_CHROMIUM.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from playwright.sync_api import sync_playwright

notebook, picture = sys.argv[1:3]
token = secrets.token_hex(16)
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
root = tempfile.mkdtemp(prefix="weir-lab")
shutil.copy(notebook, root)
name = os.path.basename(notebook)
server = subprocess.Popen(
    [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
     f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", "--LabApp.news_url="],
    env={**os.environ, "JUPYTER_CONFIG_DIR": root + "/config", "JUPYTERLAB_SETTINGS_DIR": root + "/settings", "JUPYTERLAB_WORKSPACES_DIR": root + "/workspaces"},
    stdout=sys.stderr, stderr=sys.stderr)


def ready():
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=1).read()
        return True
    except OSError:
        return False


SHOWN = """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell => ({
  text: [...cell.querySelectorAll('.jp-OutputArea-output')].map(o => o.innerText).join('\\n'),
  tables: [...cell.querySelectorAll('.jp-OutputArea-output table')].map(t =>
    [...t.rows].map(r => [...r.cells].map(c => c.innerText.trim()))),
  images: cell.querySelectorAll('.jp-OutputArea-output img, .jp-OutputArea-output svg').length,
}))"""

try:
    for _ in range(120):
        if ready():
            break
        time.sleep(0.25)
    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=os.environ["WEIR_CHROMIUM"],
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
        page = browser.new_page(viewport={"width": 1280, "height": 4200})
        page.goto(f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60000)
        page.wait_for_selector("text=| Idle", timeout=60000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function("""() => {
          const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.innerText);
          return prompts.length > 0 && prompts.every(p => /\\[\\d+\\]/.test(p));
        }""", timeout=120000)
        page.wait_for_timeout(500)
        page.screenshot(path=picture)
        json.dump(page.evaluate(SHOWN), sys.stdout)
        browser.close()
finally:
    server.terminate()
    server.wait()
    shutil.rmtree(root, ignore_errors=True)
