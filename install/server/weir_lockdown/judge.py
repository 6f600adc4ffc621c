"""Asks `weir judge` what may pass."""

import json
import os
import subprocess
import threading

with open(os.path.join(os.path.dirname(__file__), "settings.json"), encoding="utf-8") as f:
    SETTINGS = json.load(f)


class Judge:
    """One process, one question at a time. It is started again when it has died;
    a question that it does not answer is answered with a refusal."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = None

    def ask(self, **question):
        line = json.dumps(question, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self.lock:
            for _ in range(2):
                try:
                    return self._answer(line)
                except (OSError, ValueError):
                    self._end()
        return {"ok": False, "why": "what may pass cannot be decided now: tell the administrator that weir judge does not run"}

    def _answer(self, line):
        if self.process is None or self.process.poll() is not None:
            home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
            self.process = subprocess.Popen(
                [SETTINGS["weir"], "judge", "--public-key", SETTINGS["public_key"], "--seen", os.path.join(home, "weir", "seen")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True)
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if not isinstance(answer, dict) or "ok" not in answer:
            raise ValueError
        return answer

    def _end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


judge = Judge()
