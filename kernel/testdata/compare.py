"""Measures the kernels weir, ipykernel and scripted side by side, in turns.

usage: compare.py [ROUNDS]

The kernel scripted speaks the protocol as weir does and has no cells to run: what it
takes is what the client and the wire take. Prints one JSON object: for each measure a
list for each kernel, in seconds, for memory in bytes. JUPYTER_PATH must lead to the
kernelspecs of weir and scripted.
"""

import json
import os
import sys
import time
from queue import Empty

from jupyter_client import KernelManager

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
LINES = 10_000
CELLS = {
    "weir": {"sum": "1+1", "lines": 'for i := range %d { fmt.Println("line", i) }' % LINES},
    "python3": {"sum": "1+1", "lines": 'for i in range(%d): print("line", i)' % LINES},
    "scripted": {"sum": "result 2", "lines": "flood %d" % LINES},
}


class Kernel:
    def __init__(self, name):
        self.name = name
        self.km = KernelManager(kernel_name=name)
        begin = time.perf_counter()
        self.km.start_kernel()
        self.kc = self.km.client()
        self.kc.start_channels()
        self.answer(self.kc.kernel_info())
        self.started = time.perf_counter() - begin
        self.await_subscription()

    def await_subscription(self):
        """What is published before a subscriber has joined is lost to it."""
        while True:
            self.answer(self.kc.kernel_info())
            try:
                self.kc.get_iopub_msg(timeout=0.5)
                return
            except Empty:
                pass

    def receive(self, channel):
        """The next message, by jupyter_client's Session. Its channels go through an event
        loop for each message, which costs more than either kernel takes to send one."""
        if not channel.socket.poll(60_000):
            raise SystemExit(f"{self.name} is silent")
        return self.kc.session.recv(channel.socket, mode=0)[1]

    def answer(self, msg_id):
        while self.receive(self.kc.shell_channel)["parent_header"]["msg_id"] != msg_id:
            pass

    def run(self, code):
        """The seconds from sending to idle, and the text on stdout."""
        text = []
        begin = time.perf_counter()
        msg_id = self.kc.execute(code)
        while True:
            msg = self.receive(self.kc.iopub_channel)
            if msg["parent_header"].get("msg_id") != msg_id:
                continue
            if msg["msg_type"] == "stream":
                text.append(msg["content"]["text"])
            if msg["msg_type"] == "error":
                raise SystemExit(f"{self.name}: {msg['content']}")
            if msg["content"].get("execution_state") == "idle":
                break
        took = time.perf_counter() - begin
        self.answer(msg_id)
        return took, "".join(text)

    def info(self):
        begin = time.perf_counter()
        self.answer(self.kc.kernel_info())
        return time.perf_counter() - begin

    def memory(self):
        """Proportional set size of the kernel and its children, proc_pid_smaps_rollup(5)."""
        total, waiting = 0, [self.km.provisioner.process.pid]
        while waiting:
            pid = waiting.pop()
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += 1024 * next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as f:
                    waiting += [int(child) for child in f.read().split()]
        return total

    def end(self):
        self.kc.stop_channels()
        self.km.shutdown_kernel()


times = {measure: {name: [] for name in CELLS} for measure in ("start", "info", "sum", "lines", "memory")}
expected = "".join(f"line {i}\n" for i in range(LINES))
for _ in range(ROUNDS):
    kernels = [Kernel(name) for name in CELLS]
    for k in kernels:
        times["start"][k.name].append(k.started)
    time.sleep(1)
    for k in kernels:
        times["memory"][k.name].append(k.memory())
    for _ in range(50):
        for k in kernels:
            times["info"][k.name].append(k.info())
            times["sum"][k.name].append(k.run(CELLS[k.name]["sum"])[0])
    for k in kernels:
        took, text = k.run(CELLS[k.name]["lines"])
        assert text == expected, f"{k.name} lost output"
        times["lines"][k.name].append(took)
        k.end()
json.dump(times, sys.stdout)
