"""Reads a ledger by its package comment: verify.py CHECKPOINT FILE..."""
import base64, hashlib, json, sys

def root(leaves):  # RFC 6962, section 2.1
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()

prev, hashes = "0" * 64, []
for path in sys.argv[2:]:
    for line in open(path, "rb").read().split(b"\n")[:-1]:
        hash, text = line.split(b" ", 1)
        entry = json.loads(text)
        assert hashlib.sha256(text).hexdigest().encode() == hash, "hash"
        assert entry["prev"] == prev and entry["seq"] == len(hashes) + 1, "chain"
        prev = hash.decode()
        hashes.append(hash)
origin, entries, tree, _ = open(sys.argv[1]).read().split("\n\n")[0].split("\n") + [""]
assert origin == "weir-ledger/" + hashes[0].decode()[:32], "origin"
assert int(entries) == len(hashes), "entries"
assert base64.b64decode(tree) == root(hashes), "root"
print(len(hashes), "entries")
