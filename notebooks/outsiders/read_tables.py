"""Reads a table's representations with other people's readers.

usage: read_tables.py < REPRESENTATIONS

REPRESENTATIONS is JSON, text by MIME type. Prints JSON: "text/csv" as the csv
module reads it, "text/markdown" as mistune renders it, "text/html" as html.parser
reads it. Each is a list of rows of texts; a cell that spans others stands in all
of their places. "headers" is, for each number of the HTML, the texts of the header
cells that it names; "tags" is every tag of the HTML and of the rendered Markdown.
"""

import csv
import io
import json
import sys
from html.parser import HTMLParser

import mistune


class Tables(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.at, self.cell, self.ids, self.named, self.tags = {}, -1, None, {}, [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if tag == "tr":
            self.at += 1
        if tag in ("td", "th"):
            self.cell = {"text": "", "attrs": attrs}

    def handle_data(self, data):
        if self.cell is not None:
            self.cell["text"] += data

    def handle_endtag(self, tag):
        if tag not in ("td", "th"):
            return
        attrs, text = self.cell["attrs"], self.cell["text"].strip()
        column = 0
        while (self.at, column) in self.rows:
            column += 1
        for r in range(int(attrs.get("rowspan", 1))):
            for c in range(int(attrs.get("colspan", 1))):
                self.rows[self.at + r, column + c] = text
        if "id" in attrs:
            assert attrs["id"] not in self.ids, attrs["id"]
            self.ids[attrs["id"]] = text
        if "headers" in attrs:
            self.named.append(attrs["headers"].split())
        self.cell = None

    def table(self):
        out = []
        for (r, c), text in sorted(self.rows.items()):
            while len(out) <= r:
                out.append([])
            assert len(out[r]) == c, "a hole in the table"
            out[r].append(text)
        return out


def read(page):
    t = Tables()
    t.feed(page)
    t.close()
    return t


given = json.load(sys.stdin)
page = read(given["text/html"])
rendered = read(mistune.create_markdown(plugins=["table"])(given["text/markdown"]))
json.dump({
    "text/csv": list(csv.reader(io.StringIO(given["text/csv"], newline=""), strict=True)),
    "text/markdown": rendered.table(),
    "text/html": page.table(),
    "headers": [[page.ids[i] for i in ids] for ids in page.named],
    "tags": sorted(page.tags | rendered.tags),
}, sys.stdout)
