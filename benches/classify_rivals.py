#!/usr/bin/env python3
"""The rival of benches/classify.rs: fastText (https://github.com/facebookresearch/fastText) on the very same rows.

    cargo bench --bench classify -- --sets DIR --write /tmp/rows
    pip install fasttext-wheel && python3 benches/classify_rivals.py /tmp/rows

Chinese is split into characters. Of a few settings the one is taken that does best on the last tenth of the rows to learn from.
Prints accuracy and macro-F1 on the rows that were held out, and the processor time of a text in fastText's own loop over a file,
which splits words and predicts; folding and splitting characters are not in it.
"""

import pathlib
import re
import sys
import tempfile
import time

import fasttext

fasttext.FastText.eprint = lambda _: None
SETTINGS = [
    {"wordNgrams": grams, "epoch": 8, "lr": 0.3, "minn": minn, "maxn": maxn}
    for grams, minn, maxn in ((2, 0, 0), (3, 0, 0), (2, 3, 5))
]


def rows(path):
    for line in path.read_text(encoding="utf-8").split("\n"):
        if "\t" in line:
            label, text = line.split("\t", 1)
            yield f"__label__{label} " + re.sub(r"([\u3040-\u9fff])", r" \1 ", text)


def train(lines, setting):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        return fasttext.train_supervised(
            file.name, dim=32, bucket=1 << 18, minCount=1, thread=2, verbose=0, seed=1, **setting
        )


def confusion(model, lines):
    """Counts by truth and answer."""
    found = {(truth, said): 0 for truth in "01" for said in "01"}
    for line in lines:
        label, _, text = line.partition(" ")
        # What `predict` does, without the conversion to an array that fails with numpy 2.
        (_, said), = model.f.predict(text + "\n", 1, 0.0, "strict")
        found[label[-1], said[-1]] += 1
    return found


def figures(found):
    right, total = found["0", "0"] + found["1", "1"], sum(found.values())
    f1 = [2 * found[k, k] / max(1, 2 * found[k, k] + found["0", "1"] + found["1", "0"]) for k in "01"]
    return right / total, sum(f1) / 2


def main():
    folder = pathlib.Path(sys.argv[1])
    print(f"{'set':<16} {'texts':>6} {'accuracy':>9} {'macro-F1':>9} {'us/text':>9}  setting")
    for path in sorted(folder.glob("*.test.tsv")):
        name = path.name.removesuffix(".test.tsv")
        taught, tested = list(rows(folder / f"{name}.train.tsv")), list(rows(path))
        cut = len(taught) * 9 // 10
        best = max(SETTINGS, key=lambda setting: figures(confusion(train(taught[:cut], setting), taught[cut:]))[1])
        model = train(taught, best)
        accuracy, macro = figures(confusion(model, tested))
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
            file.write("\n".join(tested) + "\n")
            file.flush()
            took = []
            for _ in range(5):
                began = time.process_time()
                model.test(file.name)
                took.append((time.process_time() - began) / len(tested) * 1e6)
        print(f"{name:<16} {len(tested):>6} {accuracy:>9.4f} {macro:>9.4f} {min(took):>9.2f}  {best}")


if __name__ == "__main__":
    main()
