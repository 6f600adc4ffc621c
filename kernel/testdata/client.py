"""Drives the scripted kernel (main_test.go) with jupyter_client.

The kernel's command is in WEIR_KERNEL_BINARY. Every test ends with a kernel that
still works, or has ended by itself.
"""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from queue import Empty

BINARY = os.environ["WEIR_KERNEL_BINARY"]
HOME = tempfile.mkdtemp(prefix="weir")
atexit.register(shutil.rmtree, HOME, True)
os.environ["JUPYTER_DATA_DIR"] = HOME
os.environ["JUPYTER_RUNTIME_DIR"] = os.path.join(HOME, "runtime")
os.mkdir(os.environ["JUPYTER_RUNTIME_DIR"], 0o700)

import nbclient
import nbformat
import zmq
from jupyter_client import KernelManager
from jupyter_client.session import Session
import jupyter_kernel_test


def install(name, **extra):
    folder = os.path.join(HOME, "kernels", name)
    os.makedirs(folder)
    spec = {
        "argv": [BINARY, "{connection_file}"],
        "display_name": name,
        "language": "script",
        "env": {"WEIR_KERNEL_TEST_SERVE": "1"},
        **extra,
    }
    with open(os.path.join(folder, "kernel.json"), "w") as f:
        json.dump(spec, f)


install("signal", interrupt_mode="signal")
install("message", interrupt_mode="message")


def until_idle(kc, msg_id, timeout=30):
    """What is published for a request, without busy and idle."""
    out = []
    while True:
        msg = kc.get_iopub_msg(timeout=timeout)
        if msg["parent_header"].get("msg_id") != msg_id:
            continue
        jupyter_kernel_test.validate_message(msg)
        if msg["msg_type"] == "status":
            if msg["content"]["execution_state"] == "idle":
                return out
            continue
        out.append(msg)


def reply_to(channel, msg_id, timeout=30):
    while True:
        msg = channel.get_msg(timeout=timeout)
        if msg["parent_header"]["msg_id"] == msg_id:
            return msg


class Kernel(unittest.TestCase):
    """A kernel for each class; each test leaves it idle and working."""

    kernel_name = "message"

    @classmethod
    def settings(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        cls.stdout, cls.stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        cls.km = KernelManager(kernel_name=cls.kernel_name, **cls.settings())
        cls.km.start_kernel(stdout=cls.stdout, stderr=cls.stderr)
        cls.kc = cls.km.client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=20)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel(now=True)
        cls.stdout.seek(0)
        assert cls.stdout.read() == b"", "the kernel wrote to stdout"

    def tearDown(self):
        self.assertEqual(self.run_cell("result alive")[1][-1]["msg_type"], "execute_result")

    def log(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()

    def run_cell(self, code, **options):
        msg_id = self.kc.execute(code, **options)
        return reply_to(self.kc.shell_channel, msg_id)["content"], until_idle(self.kc, msg_id)

    def interrupt(self):
        msg_id = self.kc.execute("sleep 1h")
        while self.kc.get_iopub_msg(timeout=10)["msg_type"] != "execute_input":
            pass
        begin = time.time()
        self.km.interrupt_kernel()
        self.assertEqual(reply_to(self.kc.shell_channel, msg_id, 10)["content"]["ename"], "Interrupted")
        self.assertEqual([m["msg_type"] for m in until_idle(self.kc, msg_id)], ["error"])
        self.assertLess(time.time() - begin, 1)


class OverTCP(Kernel):
    def test_kernel_info(self):
        for kind in "shell", "control":
            channel = getattr(self.kc, kind + "_channel")
            msg = self.kc.session.msg("kernel_info_request", {})
            channel.send(msg)
            reply = reply_to(channel, msg["header"]["msg_id"])
            jupyter_kernel_test.validate_message(reply, "kernel_info_reply", msg["header"]["msg_id"])
            content = reply["content"]
            self.assertEqual(content["protocol_version"], "5.5")
            self.assertEqual(content["implementation"], "weir")
            self.assertNotIn("kernel subshells", content["supported_features"])
            header = reply["header"]
            self.assertEqual((header["version"], header["username"]), ("5.5", "weir"))
            self.assertAlmostEqual(header["date"].timestamp(), time.time(), delta=5)

    def test_streams_results_and_counts(self):
        before = self.run_cell("stdout a")[0]["execution_count"]
        for count in before + 1, before + 2:
            reply, out = self.run_cell("stdout a\nstderr b\nresult c")
            self.assertEqual((reply["status"], reply["execution_count"]), ("ok", count))
            self.assertEqual([m["msg_type"] for m in out], ["execute_input", "stream", "stream", "execute_result"])
            self.assertEqual([m["content"]["name"] for m in out[1:3]], ["stdout", "stderr"])
            self.assertEqual(out[1]["content"]["text"], "a\n")
            self.assertEqual(out[3]["content"]["data"], {"text/plain": "c"})
            self.assertEqual(out[3]["content"]["execution_count"], count)

    def test_text_beyond_ascii(self):
        reply, out = self.run_cell("stdout grüße 🌊 \u2028 <b>&\n")
        self.assertEqual(out[1]["content"]["text"], "grüße 🌊 \u2028 <b>&\n")
        self.assertEqual(out[0]["content"]["code"], "stdout grüße 🌊 \u2028 <b>&\n")

    def test_a_long_cell(self):
        reply, out = self.run_cell("stdout " + "x" * 5_000_000)
        self.assertEqual(len(out[1]["content"]["text"]), 5_000_001)

    def test_display_and_update(self):
        reply, out = self.run_cell("named x 1\nupdate x 2")
        self.assertEqual([m["msg_type"] for m in out[1:]], ["display_data", "update_display_data"])
        self.assertEqual({m["content"]["transient"]["display_id"] for m in out[1:]}, {"x"})
        self.assertEqual([m["content"]["data"]["text/plain"] for m in out[1:]], ["1", "2"])

    def test_error(self):
        reply, out = self.run_cell("fail ValueError too small")
        self.assertEqual((reply["status"], reply["ename"], reply["evalue"]), ("error", "ValueError", "too small"))
        self.assertEqual([m["msg_type"] for m in out], ["execute_input", "error"])
        self.assertEqual(out[1]["content"]["traceback"], ["line 1"])

    def test_panic(self):
        reply, out = self.run_cell("panic")
        self.assertEqual(reply["ename"], "InternalError")
        self.assertNotIn("4711", json.dumps([reply, [m["content"] for m in out]]))

    def test_abort_of_queued(self):
        first = self.kc.execute("sleep 200ms\nfail E v")
        queued = [self.kc.execute("stdout never") for _ in range(20)]
        self.assertEqual(reply_to(self.kc.shell_channel, first)["content"]["status"], "error")
        for msg_id in queued:
            self.assertEqual(reply_to(self.kc.shell_channel, msg_id)["content"]["status"], "aborted")
        until_idle(self.kc, first)
        for msg_id in queued:
            self.assertEqual(until_idle(self.kc, msg_id), [])

    def test_abort_when_the_failure_is_quick(self):
        first = self.kc.execute("fail E v")
        queued = [self.kc.execute("stdout never") for _ in range(20)]
        self.assertEqual(reply_to(self.kc.shell_channel, first)["content"]["status"], "error")
        statuses = {reply_to(self.kc.shell_channel, m)["content"]["status"] for m in queued}
        self.assertEqual(statuses, {"aborted"})

    def test_no_abort_without_stop_on_error(self):
        first = self.kc.execute("fail E v", stop_on_error=False)
        second = self.kc.execute("stdout a")
        self.assertEqual(reply_to(self.kc.shell_channel, first)["content"]["status"], "error")
        self.assertEqual(reply_to(self.kc.shell_channel, second)["content"]["status"], "ok")

    def test_user_expressions_and_silent(self):
        reply, out = self.run_cell("stdout a", user_expressions={"x": "result 1", "y": "fail E v"}, silent=True)
        self.assertEqual(reply["user_expressions"]["x"], {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}})
        self.assertEqual(reply["user_expressions"]["y"]["status"], "error")
        self.assertEqual(out, [])

    def test_is_complete(self):
        for code, status in ("stdout a", "complete"), ("stdout \\", "incomplete"):
            msg_id = self.kc.is_complete(code)
            self.assertEqual(reply_to(self.kc.shell_channel, msg_id)["content"]["status"], status)

    def test_interrupt_by_message(self):
        self.interrupt()

    def test_heartbeat(self):
        self.kc.hb_channel.unpause()
        time.sleep(2.5)
        self.assertTrue(self.kc.hb_channel.is_beating())

    def test_flood_to_a_slow_subscriber(self):
        lines = 30_000
        slow = zmq.Context.instance().socket(zmq.SUB)
        slow.setsockopt(zmq.RCVHWM, 1)
        slow.setsockopt(zmq.RCVBUF, 4096)
        slow.setsockopt(zmq.SUBSCRIBE, b"")
        slow.connect(f"tcp://{self.km.ip}:{self.km.iopub_port}")
        session = Session(key=self.km.session.key)
        receive = lambda: session.recv(slow, mode=0)[1]
        self.assertEqual(receive()["msg_type"], "iopub_welcome")
        msg_id = self.kc.execute(f"flood {lines}")
        time.sleep(2)
        text, last = [], None
        while last != "idle":
            time.sleep(0.01)
            msg = receive()
            if msg["parent_header"]["msg_id"] == msg_id:
                text.append(msg["content"].get("text", ""))
                last = msg["content"].get("execution_state")
        self.assertEqual("".join(text), "".join(f"line {i}\n" for i in range(lines)))
        slow.close(0)
        until_idle(self.kc, msg_id)

    def test_wrong_signature_and_replay(self):
        forged = Session(key=b"another key, thirty-two bytes long")
        shell = zmq.Context.instance().socket(zmq.DEALER)
        shell.connect(f"tcp://{self.km.ip}:{self.km.shell_port}")
        forged.send(shell, "execute_request", {"code": "stdout never"})
        signed = Session(key=self.km.session.key)
        frames = signed.serialize(signed.msg("execute_request", {"code": "stdout once"}))
        shell.send_multipart(frames)
        shell.send_multipart(frames)
        self.assertEqual(signed.recv(shell, mode=0)[1]["msg_type"], "execute_reply")
        self.assertFalse(shell.poll(500))
        shell.close(0)
        texts = []
        try:
            while True:
                texts.append(self.kc.get_iopub_msg(timeout=0.5)["content"].get("text"))
        except Empty:
            pass
        self.assertEqual([t for t in texts if t], ["once\n"])
        log = self.log()
        self.assertIn("signature is wrong", log)
        self.assertIn("seen before", log)
        self.assertNotIn("never", log)


class BySignal(Kernel):
    kernel_name = "signal"

    def test_interrupt(self):
        self.interrupt()

    def test_restart(self):
        self.run_cell("stdout a")
        self.km.restart_kernel()
        self.kc.wait_for_ready(timeout=20)
        self.assertEqual(self.run_cell("stdout a")[0]["execution_count"], 1)


class OverIPC(Kernel):
    @classmethod
    def settings(cls):
        return {"transport": "ipc", "ip": tempfile.mkdtemp(dir=HOME) + "/k"}

    def test_execute(self):
        reply, out = self.run_cell("stdout a")
        self.assertEqual(out[1]["content"]["text"], "a\n")

    def test_interrupt(self):
        self.interrupt()


class Shutdown(Kernel):
    def tearDown(self):
        pass

    def test_shutdown(self):
        self.kc.execute("sleep 1h")
        while self.kc.get_iopub_msg(timeout=10)["msg_type"] != "execute_input":
            pass
        msg_id = self.kc.shutdown()
        reply = reply_to(self.kc.control_channel, msg_id)
        jupyter_kernel_test.validate_message(reply, "shutdown_reply", msg_id)
        until_idle(self.kc, msg_id)
        self.assertEqual(self.km.provisioner.process.wait(timeout=5), 0)


class Notebook(unittest.TestCase):
    """nbclient runs a notebook and stops at its failing cell."""

    def test_execute(self):
        cells = ["stdout a\nresult b", "fail ValueError too small", "stdout never"]
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        with self.assertRaises(nbclient.exceptions.CellExecutionError):
            nbclient.NotebookClient(nb, kernel_name="message", timeout=20).execute()
        nbformat.validate(nb)
        outputs = [[o["output_type"] for o in c["outputs"]] for c in nb.cells]
        self.assertEqual(outputs, [["stream", "execute_result"], ["error"], []])
        self.assertEqual([c["execution_count"] for c in nb.cells], [1, 2, None])
        self.assertIn("iopub.status.idle", nb.cells[0]["metadata"]["execution"])


class ConnectionFile(unittest.TestCase):
    def refused(self, want, mode=0o600, **change):
        path = os.path.join(tempfile.mkdtemp(dir=HOME), "kernel.json")
        km = KernelManager(kernel_name="message", connection_file=path)
        km.write_connection_file()
        with open(path) as f:
            content = {**json.load(f), **change}
        with open(path, "w") as f:
            json.dump(content, f)
        os.chmod(path, mode)
        env = {**os.environ, "WEIR_KERNEL_TEST_SERVE": "1"}
        done = subprocess.run([BINARY, path], env=env, capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(want, done.stderr)
        self.assertIn(path, done.stderr)

    def test_short_key(self):
        self.refused("at least 32", key="k" * 31)

    def test_no_key(self):
        self.refused("key is empty", key="")

    def test_readable_by_others(self):
        self.refused("chmod 600", mode=0o644)

    def test_scheme(self):
        self.refused("hmac-sha256", signature_scheme="hmac-sha512")


class Conformance(jupyter_kernel_test.KernelTests):
    kernel_name = "message"
    language_name = "script"
    file_extension = ".script"
    code_hello_world = "stdout hello, world"
    code_stderr = "stderr oops"
    complete_code_samples = ["stdout a"]
    incomplete_code_samples = ["stdout \\"]
    code_generate_error = "fail E v"
    code_execute_result = [{"code": "result 3", "result": "3"}]
    code_display_data = [{"code": "display text/html x", "mime": "text/html"}]
    code_clear_output = "clear"
    completion_samples = [{"text": "st", "matches": {"stdout", "stderr"}}]
    code_inspect_sample = "stdout"
    code_page_something = "page help"
    code_history_pattern = "result ?"
    supported_history_operations = ("tail", "range", "search")


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "message"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
