"""Tries each way out of a Jupyter server by HTTP and WebSocket.

usage: paths.py LAUNCHER DATA FOLDER

LAUNCHER starts the server that is locked down, DATA is the data directory of weir,
FOLDER is empty. Prints {"paths": [[path, before, after]], "closed": [bool]}: what an
ordinary JupyterLab answers, and what the closed one does.
"""

import hashlib
import json
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import websocket

from server import CANARY, Server, scene

launcher, data, folder = sys.argv[1:4]


def says(answer):
    """An answer in a few words, and whether it lets something out."""
    status, text = answer
    if CANARY in text:
        return f"{status}, with the data", True
    return f"{status}, without the data", False


def carries(method, path, body=None):
    return lambda s: says(s.ask(method, path, body))


def allowed(method, path, body=None):
    """Of a route that does something rather than hand something out."""
    def probe(s):
        status, text = s.ask(method, path, body)
        done = 200 <= status < 300
        return f"{status}" + ("" if done else ", refused"), done
    return probe


def hash_of(name):
    def probe(s):
        status, text = s.ask("GET", f"/api/contents/{name}?content=0&hash=1")
        with open(s.root + "/" + name, "rb") as f:
            told = hashlib.sha256(f.read()).hexdigest() in text
        return f"{status}" + (", the file's SHA-256" if told else ", not the file's SHA-256"), told
    return probe


def renamed(s):
    s.ask("PATCH", "/api/contents/data.csv", {"path": "d2.ipynb"})
    answer = says(s.ask("GET", "/api/contents/d2.ipynb"))
    if os.path.exists(s.root + "/d2.ipynb"):
        os.rename(s.root + "/d2.ipynb", s.root + "/data.csv")
    return answer


def copied(s):
    status, text = s.ask("POST", "/api/contents", {"copy_from": "plain.txt"})
    if status != 201:
        return f"{status}, refused", False
    return says(s.ask("GET", "/api/contents/" + json.loads(text)["path"]))


def saved_as(s):
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    status, _ = s.ask("PUT", "/api/contents/new.csv", {"type": "file", "format": "text", "content": "a"})
    status2, _ = s.ask("PUT", "/api/contents/new.html", {"type": "notebook", "content": notebook})
    done = status < 300 or status2 < 300
    return f"{status}, {status2}" + ("" if done else ", refused"), done


def restored(s):
    s.ask("POST", "/api/contents/old.ipynb/checkpoints/checkpoint")
    return says(s.ask("GET", "/api/contents/old.ipynb"))


def plugin_again(s):
    _, text = s.ask("GET", "/lab")
    config = json.loads(text.split('<script id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])
    disabled = config.get("disabledExtensions", {})
    disabled = disabled if isinstance(disabled, dict) else dict.fromkeys(disabled, True)
    on = not disabled.get("@jupyterlab/docmanager-extension:download")
    others = any(e["name"] == "evil" for e in config["federated_extensions"])
    return ("download is on" if on else "download stays off") + (", a user's extension loads" if others else ""), on or others


def user_code(s):
    ran = os.path.exists(s.folder + "/ran")
    return "the user's Python ran in the server" if ran else "it is not read", ran


def policy(s):
    s.ask("GET", "/lab")
    csp = s.headers.get("Content-Security-Policy", "")
    strict = "default-src 'self'" in csp and "img-src 'self'" in csp
    return "everything loads from the server" if strict else "pages load from anywhere", not strict


def talk(s, kernel, send, until=lambda m: m["msg_type"] == "status" and m["content"]["execution_state"] == "idle"):
    """Sends a message to a new kernel and returns what came back over the WebSocket."""
    status, text = s.ask("POST", "/api/kernels", {"name": kernel})
    if status != 201:
        return None
    kernel_id = json.loads(text)["id"]
    session = uuid.uuid4().hex
    ws = websocket.create_connection(f"{s.url.replace('http', 'ws')}/api/kernels/{kernel_id}/channels?session_id={session}",
                                     header=["Authorization: token " + s.token], timeout=90)
    seen = []
    try:
        time.sleep(1.5)  # JupyterLab's server nudges a kernel first
        channel, kind, content = send
        ask = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": session, "username": "", "version": "5.3", "date": ""}
        ws.send(json.dumps({"channel": channel, "header": ask, "parent_header": {}, "metadata": {}, "content": content}))
        ws.settimeout(20)
        while True:
            m = json.loads(ws.recv())
            if m["parent_header"].get("msg_id") == ask["msg_id"]:
                seen.append(m)
                if until(m):
                    break
    except websocket.WebSocketTimeoutException:
        pass
    finally:
        ws.close()
        s.ask("DELETE", "/api/kernels/" + kernel_id)
    return seen


def execute(code):
    return "shell", "execute_request", {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}


def speaks(kernel, code, kinds):
    """A kernel that says what no guard has signed: a compromised one."""
    def probe(s):
        seen = talk(s, s.liar, execute(code))
        if seen is None:
            return "no such kernel", False
        told = any(CANARY in json.dumps(m["content"]) for m in seen if m["msg_type"] in kinds)
        return "passed on" if told else "not passed on", told
    return probe


DISPLAY = f"from IPython.display import display, HTML\nx = '{CANARY[:6]}' + '{CANARY[6:]}'\nh = display(HTML(x), display_id='d')\nh.update(HTML(x))"
COMM = f"import comm\nc = comm.create_comm(target_name='t', data={{'v': '{CANARY[:6]}' + '{CANARY[6:]}'}})"
SEALED = (f"from IPython.display import publish_display_data\npublish_display_data({{'text/html': '{CANARY[:6]}' + '{CANARY[6:]}'}},"
          " metadata={'weir': {'class': 'release', 'statement': '{}', 'signature': 'AAAA'}})")


def runs(python, go, told):
    """What a cell does that reaches for what is beside the notebook."""
    def probe(s):
        locked = s.liar == "liar"
        seen = talk(s, "weir-registered" if locked else "python3", execute(go(s) if locked else python(s)))
        text = json.dumps([m["content"] for m in seen or [] if m["msg_type"] != "execute_input"])
        done = told in text
        return ("it does" if done else "it does not, and says why" if '"ename"' in text else "nothing came back"), done or '"ename"' not in text
    return probe


def debugs(s):
    seen = talk(s, s.liar, ("control", "debug_request", {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}),
                until=lambda m: m["msg_type"] == "debug_reply")
    answered = any(m["msg_type"] == "debug_reply" for m in seen or [])
    return "answered" if answered else "not passed on", answered


def language_servers(s):
    status, text = s.ask("GET", "/lsp/status")
    told = "specs" in text and json.loads(text)["specs"] != {}
    return f"{status}, " + ("what is installed" if told else "nothing"), told


CLIPBOARD = {"raw": '{"useSystemClipboardForCells": true}'}
PATHS = [
    ("GET /files/data.csv", carries("GET", "/files/data.csv")),
    ("GET /files/old.ipynb", carries("GET", "/files/old.ipynb?download=1")),
    ("GET /api/contents/data.csv?content=1", carries("GET", "/api/contents/data.csv?content=1")),
    ("GET /api/contents/data.csv?type=file&format=base64", allowed("GET", "/api/contents/data.csv?type=file&format=base64")),
    ("GET /api/contents/old.ipynb?type=file", carries("GET", "/api/contents/old.ipynb?type=file&format=text")),
    ("GET /api/contents/data.csv?type=notebook", carries("GET", "/api/contents/data.csv?type=notebook")),
    ("GET /api/contents/link.ipynb (a link to data)", carries("GET", "/api/contents/link.ipynb")),
    ("GET /api/contents/old.ipynb (outputs of another kernel)", carries("GET", "/api/contents/old.ipynb")),
    ("GET /api/contents/hard.ipynb (a hard link to data)", carries("GET", "/api/contents/hard.ipynb")),
    ("GET /files/out.csv with a slip that was made up", carries("GET", "/files/out.csv")),
    ("copy_from", copied),
    ("save-as with another ending", saved_as),
    ("PATCH data.csv → d2.ipynb, then GET", renamed),
    ("?content=0&hash=1 of data", hash_of("data.csv")),
    ("?content=0&hash=1 of an old notebook", hash_of("old.ipynb")),
    ("restore a checkpoint, then GET", restored),
    ("POST …/trust", allowed("POST", "/api/contents/old.ipynb/trust")),
    ("/nbconvert/html/simple.ipynb", carries("GET", "/nbconvert/html/simple.ipynb")),
    ("POST /nbconvert/script", allowed("POST", "/nbconvert/script", {"type": "notebook", "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}})),
    ("/view/page.html", allowed("GET", "/view/page.html")),
    ("/kernelspecs/NAME/kernel.json", allowed("GET", "/kernelspecs/weir-registered/kernel.json")),
    ("POST /api/kernels python3", allowed("POST", "/api/kernels", {"name": "python3"})),
    ("POST /api/kernels of a user's own kernel", allowed("POST", "/api/kernels", {"name": "evil"})),
    ("POST /api/sessions python3", allowed("POST", "/api/sessions", {"kernel": {"name": "python3"}, "name": "x", "path": "x", "type": "console"})),
    ("POST /api/terminals", allowed("POST", "/api/terminals")),
    ("PUT settings: cells to the system's clipboard", allowed("PUT", "/lab/api/settings/@jupyterlab/notebook-extension:tracker", CLIPBOARD)),
    ("POST /lab/api/extensions (extension manager)", allowed("POST", "/lab/api/extensions", {"cmd": "disable", "extension_name": "weir-lockdown"})),
    ("POST /lab/api/plugins", allowed("POST", "/lab/api/plugins", {"cmd": "enable", "plugin_name": "@jupyterlab/docmanager-extension:download"})),
    ("GET /api/config", allowed("GET", "/api/config/notebook")),
    ("/lsp/status (other extensions' routes)", language_servers),
    ("/metrics", allowed("GET", "/metrics")),
    ("user's page_config.json and labextension", plugin_again),
    ("user's jupyter_server_config.py", user_code),
    ("Content-Security-Policy", policy),
    ("WebSocket: display_data, update_display_data without a seal", speaks("liar", DISPLAY, ["display_data", "update_display_data"])),
    ("WebSocket: execute_result without a seal", speaks("liar", f"'{CANARY[:6]}' + '{CANARY[6:]}'", ["execute_result"])),
    ("WebSocket: a forged seal", speaks("liar", SEALED, ["display_data"])),
    ("WebSocket: comm messages", speaks("liar", COMM, ["comm_open", "comm_msg"])),
    ("WebSocket: debug_request", debugs),
    ("a cell reads the kernel's connection file", runs(
        lambda s: "from ipykernel import get_connection_file\nprint(open(get_connection_file()).read())",
        lambda s: 'import "os"\nb, _ := os.ReadFile("/proc/self/cmdline")\nfmt.Println("signature_scheme", string(b))', "signature_scheme")),
    ("a cell opens a connection", runs(
        lambda s: f"import socket\nsocket.create_connection(('127.0.0.1', {s.port}))\nprint('it is ' + 'connected')",
        lambda s: f'import "net"\n_, err := net.Dial("tcp", "127.0.0.1:{s.port}")\nif err == nil {{ fmt.Println("it is " + "connected") }}', "it is connected")),
]


def run(locked):
    here = folder + ("/locked" if locked else "/open")
    root, home = scene(here)
    s = Server([launcher] if locked else None, root, home, data)
    s.root, s.folder, s.liar = root, here, "liar" if locked else "python3"
    try:
        return [probe(s) for _, probe in PATHS]
    finally:
        s.end()


with ThreadPoolExecutor() as both:
    before, after = both.map(run, [False, True])
json.dump({"paths": [[name, b[0], a[0]] for (name, _), b, a in zip(PATHS, before, after)],
           "was_open": [b[1] for b in before], "closed": [not a[1] for a in after]}, sys.stdout)
