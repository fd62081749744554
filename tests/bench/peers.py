#!/usr/bin/python3
"""The workloads by hotool and by what Python offers: PyTorch unrolled, and NumPy with derivatives by hand.

peers.py [--quick] [--rounds N] [--json FILE] PROGRAM [NAME]...

PROGRAM is bench_peers, which measures hotool and writes examples, batches, start and hypergradient for the others. Each
has a process of its own, one thread, f32; seconds are the processor's. A few steps in f64 show that all compute the
same. Exit status 1: a hypergradient differs, or something is not installed.
"""
import argparse
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

MODES = {"W1": ["reverse"], "W2": ["reverse", "forward"], "W3": ["reverse"], "W4": ["reverse"], "W5": ["reverse"]}
SAME, NEAR = 1e-8, 1e-2  # the largest relative difference of hypergradients in f64 and, of all steps, in f32
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-5
RATE = {"adam": 1e-3, "sgd": 0.01}  # unless it is tuned


class Problem:
    """What bench_peers has written."""

    def __init__(self, folder, precision):
        import numpy as np
        self.__dict__.update(json.load(open(os.path.join(folder, "problem.json"))))
        self.real = np.dtype(precision.replace("f", "float"))

        def load(name, kind=self.real):
            path = os.path.join(folder, name + ".npy")
            return np.load(path).astype(kind) if os.path.exists(path) else None

        self.x, self.labels, self.reals = load("x"), load("labels", np.int64), load("reals")
        self.checked = load("validation_x"), load("validation_labels", np.int64)
        self.rows, self.start = load("rows", np.int64), load("start")
        values = load("lambda")
        self.hypers = {name: values[at:at + count] for name, (at, count) in self.tuned.items()}
        self.shapes = [w["shape"] for w in self.weights]  # W and b of each layer, the heads last
        ends = np.cumsum([math.prod(s) for s in self.shapes])
        self.places = [slice(int(end) - math.prod(s), int(end)) for s, end in zip(self.shapes, ends)]
        self.hidden = sum(w["name"].startswith("shared") for w in self.weights) // 2
        count = len(self.shapes)
        self.decays = {}  # l2 penalties: which tensors
        if self.penalty == "l2" and self.each_layer:
            self.decays = {f"penalty{i}.rho": [2 * i, 2 * i + 1] for i in range(count // 2)}
        elif self.penalty == "l2":
            self.decays = {"penalty0.rho": range(0, count, 2)}

    def layers(self, flat):
        """(W, b) of each layer: views of all weights in one."""
        parts = [flat[place].reshape(shape) for place, shape in zip(self.places, self.shapes)]
        return list(zip(parts[::2], parts[1::2]))

    def batch(self, t):
        if self.rows is None:
            return self.x, self.labels, self.reals
        return tuple(part if part is None else part[self.rows[t]] for part in (self.x, self.labels, self.reals))


# ---- PyTorch: one graph of the whole training, as higher, TorchOpt and hypertorch make it ----------------------------

def by_torch(p):
    import torch
    from torch.nn.functional import cross_entropy
    torch.set_num_threads(1)
    tensor = lambda a: None if a is None else torch.from_numpy(a)
    p.x, p.labels, p.reals, p.rows = map(tensor, (p.x, p.labels, p.reals, p.rows))
    checked_x, checked_labels = map(tensor, p.checked)

    def outputs(w, x):
        for i in range(p.hidden):
            x = torch.tanh(torch.addmm(w[2 * i + 1], x, w[2 * i]))
        return [torch.addmm(w[i + 1], x, w[i]) for i in range(2 * p.hidden, len(w), 2)]

    def objective(w, hyper, t):
        x, labels, reals = p.batch(t)
        out = outputs(w, x)
        if "loss.weights" in hyper:
            loss = (cross_entropy(out[0], labels, reduction="none") * hyper["loss.weights"]).mean()
        else:
            loss = cross_entropy(out[0], labels)
        if reals is not None:
            loss = loss + hyper["second.weight"] * ((out[1] - reals) ** 2).sum(1).mean()
        for rho, tensors in p.decays.items():
            loss = loss + hyper[rho] * sum((w[i] ** 2).sum() for i in tensors)
        if p.penalty == "task_interaction":
            A = hyper["penalty0.A"].view(w[1].numel(), -1)
            S = A + A.T
            loss = loss + ((hyper["penalty0.rho"] + S.sum(0)) * w[0] ** 2).sum() - (w[0] * (w[0] @ S)).sum()
        return loss.sum()

    def hypergradient():
        hyper = {name: torch.tensor(value, requires_grad=True) for name, value in p.hypers.items()}
        w = [part.requires_grad_() for layer in p.layers(torch.from_numpy(p.start.copy())) for part in layer]
        m = v = [torch.zeros_like(a) for a in w]
        rate = hyper.get("dynamics.learning_rate", RATE.get(p.dynamics))
        for t in range(p.steps):
            g = torch.autograd.grad(objective(w, hyper, t), w, create_graph=True)
            if p.dynamics == "sgd":
                w = [a - rate * b for a, b in zip(w, g)]
            elif p.dynamics == "momentum":
                v = [hyper["dynamics.momentum"] * a - rate * b for a, b in zip(v, g)]
                w = [a + b for a, b in zip(w, v)]
            else:
                scale = rate * (math.sqrt(1 - BETA2 ** (t + 1)) / (1 - BETA1 ** (t + 1)))
                m = [BETA1 * a + (1 - BETA1) * b for a, b in zip(m, g)]
                v = [BETA2 * a + (1 - BETA2) * (b * b) for a, b in zip(v, g)]
                w = [a - scale * b * torch.rsqrt(c + EPSILON ** 2) for a, b, c in zip(w, m, v)]
        error = cross_entropy(outputs(w, checked_x)[0], checked_labels)
        return {n: g.numpy() for n, g in zip(hyper, torch.autograd.grad(error, list(hyper.values())))}

    return hypergradient


# ---- NumPy: reverse mode by hand -------------------------------------------------------------------------------------

class ByHand:
    """The adjoint of a step takes a product with the Hessian of the objective: by Pearlmutter's R operator it costs two
    products a layer for each of the gradient's, whose activations and slopes are kept for it. All weights are one
    array, so that the optimizer takes few passes, and the trajectory's arrays are made once."""

    def __init__(self, p):
        import numpy as np
        self.np, self.p, size, T = np, p, len(p.start), p.steps
        empty = lambda *shape: np.empty(shape, p.real)
        number = lambda name: float(p.hypers[name][0]) if name in p.hypers else None
        self.rate = number("dynamics.learning_rate") or RATE[p.dynamics]
        self.mu, self.second = number("dynamics.momentum"), number("second.weight")
        self.decays = [(rho, p.real.type(2 * number(rho)), [p.places[i] for i in tensors])
                       for rho, tensors in p.decays.items()]
        self.example_weights = p.hypers.get("loss.weights")
        if p.penalty == "task_interaction":  # its gradient is W M
            A = p.hypers["penalty0.A"].reshape(p.shapes[1][0], -1)
            self.M = 2 * (np.diag(p.hypers["penalty0.rho"] + 2 * A.sum(0)) - 2 * A)
        self.w, self.kept = empty(T + 1, size), [None] * T
        if p.dynamics == "momentum":
            self.v = empty(T + 1, size)
        if p.dynamics == "adam":  # `root`: 1 over the root of the second moment, of which one is enough
            self.m, self.root, self.slopes, self.v = empty(T + 1, size), empty(T, size), empty(T, size), empty(size)
        self.g, self.spare, self.a_w, self.a_m, self.a_v, self.a_g = (empty(size) for _ in range(6))

    def gradient(self, w, x, labels, reals, weights):
        """Of the losses, into g. Returns what its own derivative needs."""
        np, p, layers, into, n, h = self.np, self.p, self.p.layers(w), self.p.layers(self.g), len(x), [x]
        for W, b in layers[:p.hidden]:
            z = h[-1] @ W
            z += b
            h.append(np.tanh(z, out=z))
        z = h[-1] @ layers[p.hidden][0]
        z += layers[p.hidden][1]
        z -= z.max(1, keepdims=True)
        likely = np.exp(z, out=z)
        likely /= likely.sum(1, keepdims=True)
        off = likely.copy()
        off[np.arange(n), labels] -= 1
        share = p.real.type(1 / n) if weights is None else weights[:, None] / p.real.type(n)
        heads = [off * share]  # slopes by the outputs of each head
        if reals is not None:
            heads.append((h[-1] @ layers[-1][0] + layers[-1][1] - reals) * p.real.type(2 / n * self.second))
        elif self.second:
            self.g[p.places[-2].start:] = 0
        back = None
        for (W, _), (gW, gb), d in zip(layers[p.hidden:], into[p.hidden:], heads):
            np.matmul(h[-1].T, d, out=gW)
            d.sum(0, out=gb)
            if p.hidden:
                back = d @ W.T if back is None else back + d @ W.T
        hidden = [None] * p.hidden
        for i in reversed(range(p.hidden)):
            bend = 1 - h[i + 1] * h[i + 1]
            d = back * bend
            hidden[i] = back, bend, d
            np.matmul(h[i].T, d, out=into[i][0])
            d.sum(0, out=into[i][1])
            back = d @ layers[i][0].T if i else None
        return h, likely, off, share, heads, hidden

    def hessian(self, w, kept, out):
        """a_w += (the Hessian of the losses) a_g; to `out` the derivatives of (their gradient) a_g by hyperparameters.
        An r is the derivative along a_g of what has that name in the gradient."""
        np, p, layers, A, into = self.np, self.p, self.p.layers(w), self.p.layers(self.a_g), self.p.layers(self.spare)
        h, likely, off, share, heads, hidden = kept
        r_h, r_heads, r_back = [None], [], None
        for (W, _), (AW, Ab), (_, bend, _) in zip(layers, A, hidden):
            z = h[len(r_h) - 1] @ AW
            z += Ab
            if r_h[-1] is not None:
                z += r_h[-1] @ W
            z *= bend
            r_h.append(z)
        for (W, _), (AW, Ab) in zip(layers[p.hidden:], A[p.hidden:]):
            z = h[-1] @ AW
            z += Ab
            if p.hidden:
                z += r_h[-1] @ W
            r_heads.append(z)
        if self.example_weights is not None:
            out["loss.weights"] += np.einsum("ij,ij->i", off, r_heads[0]) / len(off)
        if self.second:
            out["second.weight"] += np.vdot(heads[1], r_heads[1]) / self.second
            r_heads[1] *= p.real.type(2 / len(off) * self.second)
        z = r_heads[0]
        z -= np.einsum("ij,ij->i", likely, z)[:, None]
        z *= likely
        z *= share
        for (W, _), (AW, _), (HW, Hb), d, r in zip(layers[p.hidden:], A[p.hidden:], into[p.hidden:], heads, r_heads):
            np.matmul(h[-1].T, r, out=HW)
            r.sum(0, out=Hb)
            if p.hidden:
                HW += r_h[-1].T @ d
                z = r @ W.T
                z += d @ AW.T
                r_back = z if r_back is None else r_back + z
        for i in reversed(range(p.hidden)):
            back, bend, d = hidden[i]
            r = r_h[i + 1] * h[i + 1]
            r *= back
            r *= -2
            r_back *= bend
            r += r_back
            HW, Hb = into[i]
            np.matmul(h[i].T, r, out=HW)
            r.sum(0, out=Hb)
            if i:
                HW += r_h[i].T @ d
                r_back = r @ layers[i][0].T
                r_back += d @ A[i][0].T
        self.a_w += self.spare

    def penalties(self, w, into):
        """Adds their gradient, which is their Hessian times w."""
        for _, twice, places in self.decays:
            for place in places:
                into[place] += twice * w[place]
        if self.p.penalty == "task_interaction":
            W, G = self.p.layers(w)[0][0], self.p.layers(into)[0][0]
            G += W @ self.M

    def penalties_by_hypers(self, w, out):
        np = self.np
        for rho, _, places in self.decays:
            out[rho] += 2 * sum(np.vdot(w[place], self.a_g[place]) for place in places)
        if self.p.penalty == "task_interaction":
            D = self.p.layers(w)[0][0].T @ self.p.layers(self.a_g)[0][0]
            strengths = 2 * np.diag(D)
            by_S = strengths[None, :] - 2 * D
            out["penalty0.rho"] += strengths.sum()
            out["penalty0.A"] += (by_S + by_S.T).ravel()

    def rate_at(self, t):  # Adam's
        return self.rate * math.sqrt(1 - BETA2 ** (t + 1)) / (1 - BETA1 ** (t + 1))

    def step(self, t):
        np, g, spare, w, v = self.np, self.g, self.spare, self.w, getattr(self, "v", None)
        if self.p.dynamics == "sgd":
            np.subtract(w[t], np.multiply(g, self.rate, out=spare), out=w[t + 1])
        elif self.p.dynamics == "momentum":
            np.multiply(v[t], self.mu, out=v[t + 1])
            v[t + 1] -= np.multiply(g, self.rate, out=spare)
            np.add(w[t], v[t + 1], out=w[t + 1])
        else:
            self.slopes[t] = g
            np.multiply(self.m[t], BETA1, out=self.m[t + 1])
            self.m[t + 1] += np.multiply(g, 1 - BETA1, out=spare)
            v *= BETA2
            v += np.multiply(np.multiply(g, g, out=g), 1 - BETA2, out=g)
            np.sqrt(np.add(v, EPSILON ** 2, out=g), out=g)
            np.divide(1, g, out=self.root[t])
            np.multiply(self.m[t + 1], self.root[t], out=spare)
            spare *= self.rate_at(t)
            np.subtract(w[t], spare, out=w[t + 1])

    def step_back(self, t, out):
        """From the adjoints of step t's results to a_g, that of its gradient, and to those of what it began with."""
        np, a_w, a_m, a_v, a_g, spare = self.np, self.a_w, self.a_m, self.a_v, self.a_g, self.spare
        if self.p.dynamics == "sgd":
            np.multiply(a_w, -self.rate, out=a_g)
        elif self.p.dynamics == "momentum":
            a_v += a_w
            before = np.vdot(a_v, self.v[t])
            out["dynamics.momentum"] += before
            out["dynamics.learning_rate"] += (np.vdot(a_v, self.v[t + 1]) - self.mu * before) / self.rate
            np.multiply(a_v, -self.rate, out=a_g)
            a_v *= self.mu
        else:
            np.multiply(a_w, self.root[t], out=spare)
            if "dynamics.learning_rate" in out:
                out["dynamics.learning_rate"] -= self.rate_at(t) / self.rate * np.vdot(spare, self.m[t + 1])
            spare *= self.rate_at(t)
            a_m -= spare
            spare *= self.m[t + 1]
            spare *= self.root[t]
            spare *= self.root[t]
            spare *= 0.5
            a_v += spare
            np.multiply(a_v, self.slopes[t], out=a_g)
            a_g *= 2 * (1 - BETA2)
            a_g += np.multiply(a_m, 1 - BETA1, out=spare)
            a_m *= BETA1
            a_v *= BETA2

    def __call__(self):
        p, w, out = self.p, self.w, {name: self.np.zeros(len(value)) for name, value in self.p.hypers.items()}
        w[0] = p.start
        if p.dynamics == "momentum":
            self.v[0] = 0
        elif p.dynamics == "adam":
            self.m[0] = self.v[:] = 0
        for t in range(p.steps):
            self.kept[t] = self.gradient(w[t], *p.batch(t), self.example_weights)
            self.penalties(w[t], self.g)
            self.step(t)
        self.gradient(w[-1], *p.checked, None, None)
        self.a_w[:] = self.g
        self.a_m[:] = self.a_v[:] = 0
        for t in reversed(range(p.steps)):
            self.step_back(t, out)
            self.hessian(w[t], self.kept[t], out)
            self.penalties(self.a_g, self.a_w)
            self.penalties_by_hypers(w[t], out)
        return out


# ---- measuring -------------------------------------------------------------------------------------------------------

BY = {"torch": ("PyTorch unrolled", by_torch), "numpy": ("NumPy by hand", ByHand)}


def child(peer, folder, precision, rounds):
    """One peer's figures, as JSON."""
    import numpy as np
    p = Problem(folder, precision)
    hypergradient = BY[peer][1](p)
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        answer = hypergradient()
        seconds.append(time.process_time() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if "penalty0.A" in answer:  # hotool's is in the free directions
        A = answer["penalty0.A"].reshape(p.shapes[1][0], -1)
        np.fill_diagonal(A, 0)
    wanted = np.load(os.path.join(folder, "hypergradient.npy"))
    differ = 0
    for name, (at, count) in p.tuned.items():
        theirs, ours = answer[name].ravel().astype(float), wanted[at:at + count]
        differ = max(differ, float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours)))
    json.dump({"first": seconds[0], "later": statistics.median(seconds[1:] or seconds), "peak": peak,
               "differ": differ, "version": sys.modules[peer].__version__}, sys.stdout)


def run(*command):
    one = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, env=one)
    if done.returncode:
        sys.exit(f"peers.py: {' '.join(map(str, command))}: status {done.returncode}")
    return done.stdout.decode()


def back_memory():
    """A virtual machine may have given memory back to its host, and whoever takes it first waits: nobody who is timed."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    subprocess.run([sys.executable, "-c", f"bytes([1]) * {min(6 << 30, free // 2)}"], check=True)


def measure(program, workload, precision, steps, rounds):
    """Figures of hotool in its modes and of each peer, all on one problem. Of all steps, first calls are timed too."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for mode in reversed(MODES[workload]):  # reverse mode's answer is the one that stays
            if steps == 0:
                back_memory()
            told = run(program, folder, workload, precision, mode, steps, rounds)
            rows[f"hotool, {mode}"] = json.loads(told)["figures"]
        with open(os.path.join(folder, "problem.json"), "w") as file:
            file.write(told)
        for peer, (name, _) in BY.items():
            if steps == 0:
                back_memory()
            rows[name] = json.loads(run(sys.executable, __file__, "--of", peer, folder, precision, rounds))
    return rows


def print_row(workload, name, row, ours):
    line = f"{workload:<3} {name:<18} {row['first']:8.3f} {row['later']:8.3f} {row['peak'] / 1e6:8.0f}"
    line += "".join(f"{row[what] / ours[what]:7.1f}" for what in ("first", "later", "peak"))
    if "differ" in row:
        line += f"{row['differ']:10.0e} {row['differ_f64']:9.0e}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="peers.py")
    parser.add_argument("--quick", action="store_true", help="the few steps in f64 only")
    parser.add_argument("--rounds", type=int, choices=range(1, 26), default=4, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("program")
    parser.add_argument("names", nargs="*", metavar="NAME", help="W1 to W5; all by default")
    asked = parser.parse_intermixed_args()
    for name in asked.names:
        if name not in MODES:
            parser.error(f'no workload "{name}" here: {" ".join(MODES)}')
    missing = " ".join(f"python3-{peer}" for peer in BY if importlib.util.find_spec(peer) is None)
    if missing:
        print(f"peers.py: not installed: {missing} (apt-get install {missing})", file=sys.stderr)
        return 1
    print(f"{'f64, few steps' if asked.quick else 'f32, 1 thread':<22} {'first s':>8} {'later s':>8} {'peak MB':>8} "
          f"{'times hotool in reverse':>21}"
          f"{'differs':>8} {'in f64':>9}")
    record, same = [], True
    for workload in asked.names or MODES:
        proof = measure(asked.program, workload, "f64", -1, 1)
        rows = proof if asked.quick else measure(asked.program, workload, "f32", 0, asked.rounds)
        for name, row in rows.items():
            if "differ" in row:
                row["differ_f64"] = proof[name]["differ"]
                same &= row["differ"] <= NEAR and row["differ_f64"] <= SAME
            print_row(workload, name, row, rows["hotool, reverse"])
            record.append({"workload": workload, "by": name, **row})
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(record, file, indent=2)
    if not same:
        print("peers.py: hypergradients differ", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--of"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        sys.exit(main())
