"""Runs cells on a kernel that is already there, with Jupyter's own client.

usage: execute_cells.py CONNECTION_FILE < CELLS

CELLS is a JSON list of sources. Prints a line a cell: how it ended and the types
of its outputs, as JSON. Then asks the kernel to shut down.
"""

import json
import sys

from jupyter_client import BlockingKernelClient

client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
client.start_channels()
client.wait_for_ready(timeout=60)
for source in json.load(sys.stdin):
    outputs = []
    reply = client.execute_interactive(
        source, timeout=60, allow_stdin=False,
        output_hook=lambda msg: outputs.append(msg["msg_type"]))
    print(json.dumps([reply["content"]["status"], outputs]))
client.shutdown()
