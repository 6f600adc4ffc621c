"""Runs a notebook with nbclient and prints its cells' outputs as JSON.

usage: run_nbclient.py NOTEBOOK KERNEL
"""

import json
import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, kernel_name=sys.argv[2], timeout=120).execute()
json.dump([cell.get("outputs", []) for cell in notebook.cells], sys.stdout)
