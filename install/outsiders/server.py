"""Starts Jupyter servers, open and locked down, over the same files.

A scene is a folder with a home and a root: data in several forms, each with the
canary, an old notebook of another kernel, and what a user may have put into the own
Jupyter directories to open what is closed.
"""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

CANARY = "CANARY-5e0b"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def old_notebook(beacon):
    html = f"<table><tr><td>{CANARY}</td></tr></table><img src='http://127.0.0.1:{beacon}/beacon'><a href='http://127.0.0.1:{beacon}/link'>a link</a>"
    vega = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "data": {"values": [{"a": CANARY, "b": 28}]}, "mark": "bar",
            "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}}}
    outputs = [
        {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": CANARY, "text/html": html}},
        {"output_type": "stream", "name": "stdout", "text": f"a line with {CANARY}\n"},
        {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.vegalite.v5+json": vega, "text/plain": "a chart"}},
    ]
    cells = [
        {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {"values": CANARY}, "source": "df.head()", "outputs": outputs},
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "words", "attachments": {"a.png": {"image/png": CANARY}}},
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "widgets": {"state": CANARY}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def scene(folder, beacon=9):
    """What a determined user finds, and what they have prepared."""
    root, home = folder + "/root", folder + "/home"
    write(root + "/data.csv", f"person_id,bmi\n{CANARY},22\n")
    write(root + "/page.html", f"<p>{CANARY}</p>")
    write(root + "/plain.txt", CANARY)
    write(root + "/old.ipynb", old_notebook(beacon))
    output = {"output_type": "stream", "name": "stdout", "text": CANARY}
    cell = {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {}, "source": "1", "outputs": [output]}
    write(root + "/simple.ipynb", json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    write(root + "/.ipynb_checkpoints/old-checkpoint.ipynb", old_notebook(beacon))
    write(root + "/.hidden/data.csv", CANARY)
    os.symlink(root + "/data.csv", root + "/link.ipynb")
    os.link(root + "/data.csv", root + "/hard.ipynb")
    write(root + "/out.csv", f"person_id,bmi\n{CANARY},22\n")  # as if the release gate had made it
    write(root + "/.out.csv.released", json.dumps({"statement": json.dumps({"class": "artefact", "file": "out.csv", "sha256": ""}), "signature": "AAAA"}))
    write(home + "/.jupyter/labconfig/page_config.json", json.dumps({"disabledExtensions": {
        "@jupyterlab/docmanager-extension:download": False, "weir-lockdown": True}}))
    write(home + "/.jupyter/jupyter_server_config.py", f"open({folder + '/ran'!r}, 'w').write('user configuration ran')\n")
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "evil", "language": "python"}
    write(home + "/.local/share/jupyter/kernels/evil/kernel.json", json.dumps(spec))
    write(home + "/.local/share/jupyter/kernels/weir-registered/kernel.json", json.dumps({**spec, "display_name": "shadow"}))
    write(home + "/.local/share/jupyter/labextensions/evil/package.json", json.dumps({
        "name": "evil", "version": "1", "jupyterlab": {"extension": True, "_build": {"load": "static/x.js", "extension": "./extension"}}}))
    write(home + "/.local/share/jupyter/labextensions/evil/static/x.js", "// evil")
    return root, home


class Server:
    """A JupyterLab over a scene; command starts it."""

    def __init__(self, command, root, home, data):
        env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        env.update(HOME=home, XDG_DATA_HOME=data, JUPYTER_RUNTIME_DIR=home + "/runtime")
        if command is None:
            command = [sys.executable, "-m", "jupyterlab"]
            env["JUPYTER_PATH"] = home + "/.local/share/jupyter"
        for _ in range(3):  # somebody else may be quicker to take the port
            if self._started(command, root, home, env):
                return
        with open(home + "/server.log") as f:
            raise SystemExit("the server does not start:\n" + f.read())

    def _started(self, command, root, home, env):
        self.token, self.port = secrets.token_hex(16), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(home + "/server.log", "w")
        self.process = subprocess.Popen(
            [*command, "--no-browser", "--allow-root", f"--port={self.port}", "--ServerApp.port_retries=0",
             f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={root}"],
            env=env, cwd=root, stdout=self.log, stderr=self.log)
        for _ in range(240):
            if self.process.poll() is not None:
                break
            if self.ask("GET", "/api/status")[0] == 200:
                return True
            time.sleep(0.25)
        self.end()
        return False

    def ask(self, method, path, body=None):
        """The status and text of an answer."""
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "token " + self.token})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.headers = answer.headers
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as e:
            self.headers = e.headers
            return e.code, e.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as e:
            return 0, str(e)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
