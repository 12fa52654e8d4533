#!/usr/bin/env python3
"""The rival of benches/claims.rs: bm25s (https://github.com/xhluca/bm25s) over the same library and messages.

    cargo bench --bench claims -- --sizes 10000 --write /tmp/claims
    pip install bm25s && python3 benches/claims_rivals.py /tmp/claims 10000

Terms are pairs of characters for Chinese and words for the rest, as the product takes them, without stemming. Prints the time
to index, the mean time of a query for the best 20, and how often the claim that a message repeats comes first.
"""

import json
import pathlib
import re
import sys
import time

import bm25s


def terms(text):
    found = []
    for run in re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]+", text.lower()):
        wide = "\u4e00" <= run[0] <= "\u9fff" and len(run) > 1
        found += [run[i : i + 2] for i in range(len(run) - 1)] if wide else [run]
    return found


def main():
    folder, size = pathlib.Path(sys.argv[1]), sys.argv[2]
    with open(folder / f"library-{size}.jsonl", encoding="utf-8") as library:
        claims = [json.loads(line)["claim"] for line in library]
    messages = (folder / f"messages-{size}.txt").read_text(encoding="utf-8").split("\n")
    began = time.perf_counter()
    index = bm25s.BM25(k1=0.9, b=0.4)
    index.index([terms(claim) for claim in claims], show_progress=False)
    loaded = time.perf_counter() - began
    began, right = time.perf_counter(), 0
    for number, message in enumerate(messages):
        best, _ = index.retrieve([terms(message)], k=min(20, len(claims)), show_progress=False)
        right += int(best[0][0]) == number * 7919 % len(claims)
    took = (time.perf_counter() - began) / len(messages)
    print(f"bm25s: {size} claims, indexed in {loaded * 1000:.0f} ms, {took * 1e6:.0f} us a query, {right}/{len(messages)} first")


if __name__ == "__main__":
    main()
