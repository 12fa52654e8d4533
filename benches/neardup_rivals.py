"""What near-duplicate indexes in Python take: datasketch and rensa, over the texts that you give.

    pip install datasketch rensa
    python benches/neardup_rivals.py TEXTS [--limit 20000]

TEXTS holds one text a line (or `label<TAB>text`). Processor time a text for signing (128 permutations over the set of pairs
of letters), entering and asking; bytes of memory an entry (growth of the process); and how many copies are found in which one
letter of ten is another one. `tidegate eval neardup --texts TEXTS` measures the same of Tidegate.
"""

import argparse
import random
import resource
import time
import unicodedata


def letters(text):
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in folded if c.isalnum())


def pairs(text):
    return sorted({text[i : i + 2] for i in range(len(text) - 1)})


def washed(text, alphabet, rng):
    changed = list(text)
    for at in rng.sample(range(len(changed)), max(1, round(len(changed) / 10))):
        changed[at] = rng.choice(alphabet)
    return "".join(changed)


def resident_bytes():
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


class Datasketch:
    name = "datasketch"

    def __init__(self):
        from datasketch import MinHash, MinHashLSH

        self.minhash = MinHash
        self.index = MinHashLSH(num_perm=128, params=(32, 4))

    def sign(self, grams):
        minhash = self.minhash(num_perm=128)
        minhash.update_batch([gram.encode() for gram in grams])
        return minhash

    def enter(self, key, signature):
        self.index.insert(key, signature)

    def ask(self, signature):
        return self.index.query(signature)


class Rensa:
    name = "rensa"

    def __init__(self):
        from rensa import RMinHash, RMinHashLSH

        self.minhash = RMinHash
        self.index = RMinHashLSH(threshold=0.4, num_perm=128, num_bands=32)

    def sign(self, grams):
        minhash = self.minhash(num_perm=128, seed=7)
        minhash.update(grams)
        return minhash

    def enter(self, key, signature):
        self.index.insert(key, signature)

    def ask(self, signature):
        return self.index.query(signature)


def clocked(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def measure(rival, texts, copies):
    grams = [pairs(text) for text in texts]
    asked = [pairs(copy) for copy in copies]
    before = resident_bytes()
    signatures, signing = clocked(lambda: [rival.sign(each) for each in grams])
    _, entering = clocked(lambda: [rival.enter(key, each) for key, each in enumerate(signatures)])
    held = resident_bytes() - before
    signed = [rival.sign(each) for each in asked]
    answers, asking = clocked(lambda: [rival.ask(each) for each in signed])
    found = sum(key in answer for key, answer in enumerate(answers))
    each = 1e6 / len(texts)
    print(
        f"{rival.name:<12} sign {signing * each:7.1f} µs  enter {entering * each:7.1f} µs  ask {asking * each:7.1f} µs  "
        f"{held / len(texts):7.0f} bytes/entry  found {found / len(copies):.1%}"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("texts")
    arguments.add_argument("--limit", type=int, default=20_000)
    arguments.add_argument("--letters", type=int, nargs=2, default=(40, 120), metavar=("MIN", "MAX"))
    options = arguments.parse_args()
    with open(options.texts, encoding="utf-8") as lines:
        texts = [letters(line.rstrip("\n").split("\t")[-1]) for line in lines]
    low, high = options.letters
    texts = list(dict.fromkeys(text for text in texts if low <= len(text) < high))[: options.limit]
    if not texts:
        raise SystemExit(f"{options.texts} holds no text of {low} to {high} letters")
    rng = random.Random(7)
    alphabet = "".join(texts[:1000])
    copies = [washed(text, alphabet, rng) for text in texts]
    print(f"{len(texts)} texts of {low} to {high} letters")
    for rival in (Datasketch, Rensa):
        measure(rival(), texts, copies)


if __name__ == "__main__":
    main()
