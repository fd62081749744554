#!/usr/bin/python3
"""What the data plugin `timit` should emit, computed another way with numpy and scipy.

timit_reference.py EMITTED key=value...

EMITTED holds x1.npy, s1.npy, c1.npy (inputs, states, context of part 1) and so on; the settings are the plugin's
options, lists by commas. Prints the largest differences; exit status 1 where one is too large.
"""
import os
import sys

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import correlate1d
from scipy.signal import get_window, savgol_coeffs

PARTS = {1: "training_speakers", 2: "validation_speakers", 3: "test_speakers"}
DEFAULTS = dict(drop="", rate=16000, window=25, hop=10, preemphasis=0.97, mel=40, low=20, high=8000, differences=2,
                delta=2, normalize="true", context=0, states=3, embedding=300, embedding_context=4)
PHONES = sorted("""aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih
    ix iy jh k kcl l m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh""".split())
BOUNDARY = len(PHONES)


def read_audio(path):
    """16-bit PCM in either container."""
    data = open(path, "rb").read()
    start = int(data[8:15]) if data.startswith(b"NIST_1A") else data.index(b"data") + 8
    return np.frombuffer(data[start:], "<i2") / 32768


def read_alignment(path):
    rows = [line.split() for line in open(path) if line.strip()]
    return np.array([[int(b), int(e), PHONES.index(p)] for b, e, p in rows])


def mel_bank(o, points):
    mel = lambda f: 2595 * np.log10(1 + np.asarray(f) / 700)
    edges = np.linspace(mel(o["low"]), mel(o["high"]), o["mel"] + 2)
    at = mel(np.arange(points // 2 + 1) * o["rate"] / points)
    return np.array([np.interp(at, edges[i:i + 3], [0, 1, 0]) for i in range(o["mel"])])


def features(o, x):
    """All frames of one utterance."""
    size, hop = round(o["window"] * o["rate"] / 1000), round(o["hop"] * o["rate"] / 1000)
    points = 1 << (size - 1).bit_length()
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::hop]
    shifted = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    window = get_window("hamming", size, fftbins=False)
    power = np.abs(rfft((frames - o["preemphasis"] * shifted) * window, points)) ** 2
    floor = 1e-10
    base = np.log(np.maximum(np.c_[power @ mel_bank(o, points).T, (frames ** 2).sum(1)], floor))
    # The slope of a straight line fitted by least squares is the regression formula.
    slope = savgol_coeffs(2 * o["delta"] + 1, 1, deriv=1, use="dot")
    first = correlate1d(base, slope, axis=0, mode="nearest")
    second = correlate1d(first, slope, axis=0, mode="nearest")
    middles = hop * np.arange(len(frames)) + size // 2
    return np.concatenate([base, first, second][:1 + o["differences"]], axis=1), middles


def label(o, alignment, middles):
    """State and segment of each frame; -1 where no phone is."""
    states, segments = np.full(len(middles), -1), np.full(len(middles), -1)
    for n, (begin, end, phone) in enumerate(alignment):
        inside = (begin <= middles) & (middles < end)
        states[inside] = o["states"] * phone + o["states"] * (middles[inside] - begin) // (end - begin)
        segments[inside] = n
    return states, segments


def utterances(o, speaker):
    folder = os.path.join(o["folder"], speaker)
    files = {name.lower(): os.path.join(folder, name) for name in os.listdir(folder)}
    for name in sorted(files):
        stem = name[:-4]
        if name.endswith(".phn") and not {stem, stem.rstrip("0123456789")} & set(o["drop"].split(",")):
            yield read_audio(files[stem + ".wav"]), read_alignment(files[name])


def with_context(o, x):
    c = o["context"]
    rows = np.clip(np.arange(len(x))[:, None] + np.arange(-c, c + 1), 0, len(x) - 1)
    return x[rows].reshape(len(x), -1)


def read_part(o, key):
    inputs, states, triples, phones = [], [], [], []
    for speaker in o[key].split(","):
        own = []
        for audio, alignment in utterances(o, speaker):
            x, middles = features(o, audio)
            s, segment = label(o, alignment, middles)
            around = np.pad(alignment[:, 2], 1, constant_values=BOUNDARY)
            triple = np.stack([around[:-2], around[1:-1], around[2:]], axis=1)
            own.append((x, s, triple[segment]))
            phones.append(alignment[:, 2])
        labelled = np.concatenate([x[s >= 0] for x, s, _ in own])
        for x, s, triple in own:
            if o["normalize"] == "true":
                x = (x - labelled.mean(0)) / labelled.std(0)
            inputs.append(with_context(o, x)[s >= 0])
            states.append(s[s >= 0])
            triples.append(triple[s >= 0])
    return np.concatenate(inputs), np.concatenate(states), np.concatenate(triples), phones


def context_vectors(o, triples, phones):
    reach, rows, counts = o["embedding_context"], {}, {}
    for sequence in phones:
        padded = np.pad(sequence, reach + 1, constant_values=BOUNDARY)
        for i in range(reach + 1, reach + 1 + len(sequence)):
            row = rows.setdefault(tuple(padded[i - 1:i + 2]), len(rows))
            for o_, phone in enumerate(padded[max(i - reach, 0):i + reach + 1]):
                counts[row, o_, phone] = counts.get((row, o_, phone), 0) + 1
    joint = np.zeros((len(rows), 2 * reach + 1, BOUNDARY + 1))
    for at, n in counts.items():
        joint[at] = n
    joint = joint.reshape(len(rows), -1) / joint.sum()
    independent = np.outer(joint.sum(1), joint.sum(0))
    ppmi = np.log(np.where(joint > independent, joint / np.where(independent > 0, independent, 1), 1))
    u, s, _ = np.linalg.svd(ppmi, full_matrices=False)
    vectors = (u * np.sqrt(s))[:, :o["embedding"]]
    frames = vectors[[rows[tuple(t)] for t in triples]]
    return frames / np.sqrt((frames ** 2).mean())


def main(emitted, settings):
    o = dict(DEFAULTS)
    for key, _, value in (s.partition("=") for s in settings):
        o[key] = type(DEFAULTS.get(key, ""))(value)
    failed = False

    def compare(what, got, wanted, most):
        nonlocal failed
        if got.shape != wanted.shape:
            print(f"{what}: shape {got.shape}, wanted is {wanted.shape}")
            failed = True
            return
        worst = np.abs(got - wanted).max()
        print(f"{what}: {got.shape}, largest difference {worst:.2g} (at most {most:g})")
        failed |= not worst <= most

    for part, key in PARTS.items():
        inputs, states, triples, phones = read_part(o, key)
        load = lambda letter: np.load(os.path.join(emitted, f"{letter}{part}.npy"))
        compare(f"inputs of part {part}", load("x"), inputs, 1e-4)
        compare(f"states of part {part}", load("s"), states, 0)
        if part == 1 and o["embedding"]:
            got, wanted = load("c"), context_vectors(o, triples, phones)
            # Singular vectors are unique up to their signs, and up to a rotation where values are equal: what is
            # unique is how frames lie to each other.
            some = np.random.default_rng(1).choice(len(got), min(len(got), 1000), replace=False)
            scale = (wanted[some] ** 2).sum(1).max()
            compare("context, inner products", got[some] @ got[some].T / scale, wanted[some] @ wanted[some].T / scale,
                    1e-4)
            if len(got) == len(wanted):
                compare("context, mean square", (got ** 2).mean(keepdims=True), np.ones((1, 1)), 1e-4)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
