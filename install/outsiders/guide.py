"""Follows the administrators' guide word for word, on a machine of its own.

usage: machine guide.py GUIDE BINARY PYTHON PROXY

PYTHON has JupyterLab; where PROXY, the hub's, is not empty it has JupyterHub and
Kernel Gateway, too.
Blocks of sh are run, files are written where the line above them names a path;
blocks marked "online", which install Jupyter, are left out, for PYTHON has it.
Prints {what: bool, or what was found instead}.
"""

import glob
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

import websocket

GUIDE, BINARY, PYTHON, PROXY = sys.argv[1:5]
HERE = os.path.dirname(os.path.abspath(__file__))
LOCKDOWN = "/usr/local/share/jupyter/weir/lockdown"
found = {}


def sh(command, **options):
    return subprocess.run(["sh", "-euc", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def section(heading):
    with open(GUIDE, encoding="utf-8") as f:
        text = f.read()
    level, start = heading.split()[0], text.index("\n" + heading + "\n") + 1
    end = re.compile(r"^#{2,%d} " % len(level), re.M).search(text, start + len(heading))
    return text[start:end.start() if end else len(text)]


def follow(heading):
    """Does what a section says; a step that fails ends everything."""
    text = section(heading)
    for m in re.finditer(r"^```(\w*)( online)?\n(.*?)^```\n", text, re.M | re.S):
        line = text[:m.start()].rstrip().rsplit("\n", 1)[-1]
        path = re.search(r"`(/[^`]+)`[^`]*(`[^`]*`[^`]*)?:$", line)
        if path and m[1] != "sh":
            os.makedirs(os.path.dirname(path[1]), exist_ok=True)
            with open(path[1], "w", encoding="utf-8") as f:
                f.write(m[3])
        elif m[1] == "sh" and not m[2]:
            done = sh(m[3])
            if "weir doctor" in m[3]:
                found["the doctor calls the servers closed"] = done.returncode == 0 or done.stdout
            elif done.returncode != 0:
                sys.exit(f"{m[3]}\nends with {done.returncode}:\n{done.stdout}\n{logs()}")


def logs():
    text = ""
    for name in glob.glob("/run/units/*.log"):
        with open(name) as f:
            text += f"{name}:\n{f.read()[-3000:]}\n"
    return text


class Server:
    """A researcher's server, as a browser has it."""

    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "token " + self.token})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode("utf-8", "replace")

    def run(self, *cells, kernel="weir-registered"):
        """The messages that cells send to the browser."""
        status, text = self.ask("POST", "/api/kernels", {"name": kernel})
        if status != 201:
            return f"{status} {text}"
        name, session, said = json.loads(text)["id"], uuid.uuid4().hex, []
        ws = websocket.create_connection(f"{self.url.replace('http', 'ws', 1)}/api/kernels/{name}/channels?session_id={session}",
                                         header=["Authorization: token " + self.token], timeout=90)
        try:
            time.sleep(1.5)  # the server nudges a kernel first
            for code in cells:
                header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": session, "username": "", "version": "5.3", "date": ""}
                content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
                ws.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}))
                while True:
                    m = json.loads(ws.recv())
                    if m["parent_header"].get("msg_id") == header["msg_id"]:
                        said.append(m)
                        if m["msg_type"] == "status" and m["content"]["execution_state"] == "idle":
                            break
        finally:
            ws.close()
            self.ask("DELETE", "/api/kernels/" + name)
        return json.dumps([m["content"] for m in said])


WORK = ["%conduct", "%conduct confirm", 'cdr := ds.Open("synthetic")\ncdr.Everyone().By(cdr.SexAtBirth()).Count()']


def check(what, ok, instead):
    found[what] = True if ok else str(instead)[-3000:]


def researchers(where, servers):
    """Each works, and none has anything of another's."""
    for name, s in servers.items():
        said = s.run(*WORK)
        check(f"{where}: {name} works through the vault", "Female" in said and '"weir"' in said, said)
        status, _ = s.ask("POST", "/api/kernels", {"name": "python3"})
        check(f"{where}: {name} starts no python3", status == 403, status)
    alice, bob = servers["alice"], servers["bob"]
    with open("/home/alice/notebooks/secret.ipynb", "w") as f:
        json.dump({"cells": [], "metadata": {"of": "alice"}, "nbformat": 4, "nbformat_minor": 5}, f)
    os.chown("/home/alice/notebooks/secret.ipynb", pwd.getpwnam("alice").pw_uid, -1)
    check(f"{where}: alice sees her own notebooks", alice.ask("GET", "/api/contents/secret.ipynb")[0] == 200, alice.ask("GET", "/api/contents/secret.ipynb"))
    for path in "/api/contents/secret.ipynb", "/api/contents/../alice/notebooks/secret.ipynb", "/files/..%2F..%2Falice%2Fnotebooks%2Fsecret.ipynb":
        status, text = bob.ask("GET", path)
        check(f"{where}: bob does not see them at {path}", status >= 400 and "of" not in text.split(), (status, text))
    status, _ = Server(alice.url, bob.token).ask("GET", "/api/contents")
    check(f"{where}: bob's token opens nothing of alice's", status in (302, 401, 403, 404), status)
    a = alice.run('secretOfAlice := "only mine"', "secretOfAlice")
    b = bob.run("secretOfAlice")
    check(f"{where}: bob has no variable of alice's", "only mine" in a and "undefined" in b and "only mine" not in b, (a, b))


def doctor(url, token, user, pattern):
    done = sh(f"weir doctor --system --python /opt/jupyter/bin/python --pid \"$(pgrep -u {user} -f {pattern})\" --url {url} --root /home/{user}/notebooks "
              "--secret /srv/weir/repositories --secret /srv/weir/ledger --secret /srv/weir/keys", env={**os.environ, "WEIR_DOCTOR_TOKEN": token})
    return done.returncode == 0, done.stdout


def single():
    follow("## A machine, from nothing")
    servers = {}
    for user in "alice", "bob":
        with open(f"/etc/weir/lab/{user}") as f:
            v = dict(line.strip().split("=", 1) for line in f)
        servers[user] = Server(f"http://127.0.0.1:{v['PORT']}", v["JUPYTER_TOKEN"])
        for _ in range(240):
            try:
                if servers[user].ask("GET", "/api/status")[0] == 200:
                    break
            except OSError:
                time.sleep(0.5)
    researchers("single", servers)
    ps = sh("ps -eo user:20,args | grep -E 'weir (kernel|vault)|jupyterlab' | grep -v grep").stdout
    check("single: the vault runs as its user, servers as their researchers", "weir-vault" in ps and not re.search(r"^root .*(weir|jupyter)", ps, re.M), ps)
    for path in "/srv/weir/keys", "/srv/weir/ledger", "/srv/weir/repositories/r2024":
        done = sh(f"setpriv --reuid=alice --regid=alice --init-groups ls {path}")
        check(f"single: alice does not read {path}", done.returncode != 0, done.stdout)
    kills(servers["alice"])
    done = sh("systemctl restart weir-vault; sleep 1; curl -s --fail http://127.0.0.1:9464/healthz")
    check("single: the vault restarts", done.returncode == 0, done.stdout)
    sh("systemctl disable --now weir-lab@alice weir-lab@bob weir-lab@probe")


def kills(server):
    """Whatever is killed, what was saved is whole, and what was shown is in the ledger."""
    saved, path = [0], "/home/alice/notebooks/saved.ipynb"

    def save():
        for version in range(1, 1000):
            notebook = {"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "x" * 200000}],
                        "metadata": {"authors": [{"name": str(version)}]}, "nbformat": 4, "nbformat_minor": 5}
            try:
                if server.ask("PUT", "/api/contents/saved.ipynb", {"type": "notebook", "content": notebook})[0] in (200, 201):
                    saved[0] = version
            except OSError:
                return

    for after in 2.0, 2.6, 3.1:
        saving = threading.Thread(target=save)
        saving.start()
        time.sleep(after)
        with open("/run/units/weir-lab@alice.pid") as f:
            os.kill(int(f.read()), signal.SIGKILL)
        saving.join()
        with open(path, encoding="utf-8") as f:
            version = int(json.load(f)["metadata"]["authors"][0]["name"])
        check(f"single: a server that is killed after {after} s loses no notebook", saved[0] > 0 and version >= saved[0], (saved, version))
        sh("systemctl start weir-lab@alice")
        for _ in range(240):
            try:
                if server.ask("GET", "/api/status")[0] == 200:
                    break
            except OSError:
                time.sleep(0.5)
    check("single: it opens again", server.ask("GET", "/api/contents/saved.ipynb")[0] == 200, "no")
    for what, user, pattern in ("kernel", "alice", "weir .*kernel"), ("session", "weir-vault", "vault-session"), ("vault", "weir-vault", "weir vault --vault"):
        status, text = server.ask("POST", "/api/kernels", {"name": "weir-registered"})
        time.sleep(2)
        pids = sh(f"pgrep -u {user} -f '{pattern}'").stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(1)
        server.ask("DELETE", "/api/kernels/" + json.loads(text).get("id", ""))
        if what == "vault":
            sh("systemctl start weir-vault; sleep 2")
        said = server.run(WORK[2])
        held = sh("runuser -u weir-vault -- weir --config /etc/weir/workspace-17.toml ledger verify")
        check(f"single: after kill -9 of the {what} work goes on, and the ledger holds", pids and "Female" in said and held.returncode == 0, (pids, said, held.stdout))


def hub():
    follow("### JupyterHub")
    port, key = 18000, uuid.uuid4().hex
    with open("/etc/jupyterhub/jupyterhub_config.py", "a") as f:
        f.write(f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {port + 81}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.command = ["{PROXY}"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {{"alice", "bob", "probe"}}
c.JupyterHub.services = [{{"name": "administrator", "api_token": "{key}"}}]
c.JupyterHub.load_roles = [{{"name": "administrator", "scopes": ["admin:users", "admin:servers", "tokens"], "services": ["administrator"]}}]
""")
    os.makedirs("/srv/jupyterhub", exist_ok=True)
    with open("/run/units/hub.log", "w") as log:
        subprocess.Popen(["/opt/jupyter/bin/python", "-m", "jupyterhub", "-f", "/etc/jupyterhub/jupyterhub_config.py"], cwd="/srv/jupyterhub", stdout=log, stderr=log)
    api = Server(f"http://127.0.0.1:{port}/hub/api", key)
    for _ in range(240):
        try:
            if api.ask("GET", "/info")[0] == 200:
                break
        except OSError:
            pass
        time.sleep(0.5)
    servers = {}
    os.rmdir("/home/bob/notebooks")  # the command makes it
    for user in "alice", "bob", "probe":
        status, text = api.ask("POST", f"/users/{user}/server")
        for _ in range(180):
            model = json.loads(api.ask("GET", f"/users/{user}")[1])
            if model.get("servers", {}).get("", {}).get("ready"):
                break
            time.sleep(0.5)
        else:
            sys.exit(f"the hub starts no server of {user}: {status} {text}\n{logs()}")
        token = json.loads(api.ask("POST", f"/users/{user}/tokens", {"note": "test"})[1])["token"]
        servers[user] = Server(f"http://127.0.0.1:{port}/user/{user}", token)
    ok, text = doctor(servers["probe"].url + "/", servers["probe"].token, "probe", "singleuser")
    check("hub: the doctor calls the servers closed", ok, text)
    status, _ = servers["bob"].ask("GET", "/api/status")
    check("hub: the owner gets in", status == 200, status)
    researchers("hub", {k: servers[k] for k in ("alice", "bob")})
    status, text = servers["alice"].ask("GET", "/lab")
    check("hub: JupyterLab is there", status == 200 and "jupyter-config-data" in text, (status, text[:300]))


def gateway():
    env = {"PATH": os.environ["PATH"], "HOME": "/home/alice", "JUPYTER_RUNTIME_DIR": "/home/alice/runtime"}
    command = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", LOCKDOWN + "/bin/weir-gateway", "--port=19888"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    check("gateway: it does not start without a token", done.returncode != 0 and "KG_AUTH_TOKEN" in done.stderr, done.stderr)
    with open("/run/units/gateway.log", "w") as log:
        subprocess.Popen(command, env={**env, "KG_AUTH_TOKEN": "gateway-token"}, cwd="/home/alice", stdout=log, stderr=log)
    s = Server("http://127.0.0.1:19888", "gateway-token")
    for _ in range(120):
        try:
            if s.ask("GET", "/api/kernelspecs")[0] == 200:
                break
        except OSError:
            pass
        time.sleep(0.5)
    specs = s.ask("GET", "/api/kernelspecs")[1]
    check("gateway: it offers weir's kernels alone", list(json.loads(specs)["kernelspecs"]) == ["weir-registered"], specs)
    check("gateway: nobody gets in without the token", Server(s.url, "x").ask("GET", "/api/kernelspecs")[0] in (401, 403), "in")
    status, text = s.ask("POST", "/api/kernels", {"name": "python3"})
    check("gateway: it starts no python3", status == 403, (status, text))
    said = s.run(*WORK)
    check("gateway: the kernel works through the vault", "Female" in said and '"weir"' in said, said)
    status, text = s.ask("POST", "/api/kernels", {"name": "weir-registered", "env": {"KERNEL_X": "1", "LD_PRELOAD": "/home/alice/x.so", "WEIR_CONFIG": "/home/alice/mine.toml"}})
    pids = sh("pgrep -u alice -f 'weir kernel' || pgrep -u alice -f weir").stdout.split()
    seen = ""
    for pid in pids:
        with open(f"/proc/{pid}/environ") as f:
            seen += f.read()
    check("gateway: who asks sets no variables of a kernel", status == 201 and seen and "mine.toml" not in seen and "x.so" not in seen, (status, text, seen))
    os.makedirs(LOCKDOWN + "/data/kernels/liar")
    with open(LOCKDOWN + "/data/kernels/liar/kernel.json", "w") as f:
        json.dump({"argv": [PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "liar", "language": "python"}, f)
    said = s.run("'CANA' + 'RY'", kernel="liar")
    check("gateway: it passes on nothing that the guard did not sign", "CANARY" not in said and "is not shown" in said, said)
    status, _ = s.ask("GET", "/api/kernels")
    check("gateway: it lists nobody's kernels", status == 403, status)


def tree():
    """Names, modes, owners and contents of what an installation could have changed."""
    return sh(r"find /usr/local/share /usr/share/jupyter /etc/jupyter -printf '%p %m %u %l\n' -type f -exec sha256sum {} + 2> /dev/null | sort || true").stdout


def away(before):
    shutil.rmtree(LOCKDOWN + "/data/kernels/liar", ignore_errors=True)
    done = sh("weir uninstall --lockdown --system")
    check("uninstalling leaves everything as it was, to the byte", done.returncode == 0 and tree() == before, done.stdout)


def prepare():
    for d in "/opt/jupyter", "/run/units", "/etc/systemd/system":
        os.makedirs(d, exist_ok=True)
    subprocess.run(["mount", "--bind", os.path.dirname(os.path.dirname(PYTHON)), "/opt/jupyter"], check=True)
    os.symlink(HERE + "/systemctl", "/usr/local/bin/systemctl")
    os.makedirs("/root/from")
    os.chdir("/root/from")
    os.symlink(BINARY, "weir")
    os.environ["PATH"] = "/usr/local/bin:" + os.environ["PATH"]
    for name in [n for n in os.environ if n.startswith(("WEIR_", "JUPYTER"))]:
        del os.environ[name]


try:
    prepare()
    before = tree()
    single()
    if PROXY:
        hub()
        gateway()
    away(before)
finally:
    json.dump(found, sys.stdout, indent=1)
